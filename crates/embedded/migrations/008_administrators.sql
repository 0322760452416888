-- Whether the identity provider had verified the address at the last sign-in. 0 in rows of older versions.
ALTER TABLE people ADD COLUMN email_verified INTEGER NOT NULL DEFAULT 0 CHECK (email_verified IN (0, 1));
-- When the role last changed. Servers poll it, so that their cached sessions do not keep the old role.
ALTER TABLE people ADD COLUMN role_changed_at INTEGER;
CREATE INDEX people_by_role_change ON people (role_changed_at) WHERE role_changed_at IS NOT NULL;

-- Addresses whose owners become ADMIN at their first sign-in.
CREATE TABLE pending_admins (
    issuer   TEXT NOT NULL,
    address  TEXT NOT NULL,
    added_at INTEGER NOT NULL,
    PRIMARY KEY (issuer, address)
) STRICT, WITHOUT ROWID;
