-- The claims of one person's payments in progress, which are counted when another payment starts.

CREATE INDEX seat_claims_by_person ON seat_claims (person_id) WHERE state = 'CLAIMED';
