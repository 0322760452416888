-- The demo's people had the address of the day as their issuer, and another port made them strangers. The oldest of a
-- name keeps it.

UPDATE OR IGNORE people SET issuer = 'demo' WHERE issuer LIKE '%/demo-idp';
UPDATE people SET subject = subject || ' of ' || issuer, issuer = 'demo' WHERE issuer LIKE '%/demo-idp';
