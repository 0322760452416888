-- The outbox, the event log, and what its consumers keep.

-- Sent rows stay for a while, so that an event told again is still known.
CREATE TABLE outbox (
    seq   INTEGER PRIMARY KEY AUTOINCREMENT,
    id    BLOB NOT NULL UNIQUE,
    at    INTEGER NOT NULL,
    sent  INTEGER NOT NULL DEFAULT 0,
    event TEXT NOT NULL
) STRICT;

CREATE INDEX outbox_unsent ON outbox (seq) WHERE sent = 0;
CREATE INDEX outbox_sent ON outbox (at) WHERE sent = 1;

-- One row: who relays.
CREATE TABLE relay_lease (
    one         INTEGER PRIMARY KEY CHECK (one = 1),
    relay       BLOB NOT NULL,
    lease_until INTEGER NOT NULL
) STRICT;

CREATE TABLE events (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    id       BLOB NOT NULL UNIQUE,
    type     TEXT NOT NULL,
    event    TEXT NOT NULL
) STRICT;

CREATE INDEX events_by_type ON events (type, position);

CREATE TABLE consumers (
    name     TEXT PRIMARY KEY NOT NULL,
    position INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE mails (
    id           BLOB PRIMARY KEY NOT NULL,
    event_id     BLOB NOT NULL UNIQUE,
    booking_id   BLOB NOT NULL,
    booking_code TEXT NOT NULL,
    address      TEXT NOT NULL,
    name         TEXT NOT NULL,
    language     TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    status       TEXT NOT NULL,
    attempts     INTEGER NOT NULL,
    last_error   TEXT,
    due_at       INTEGER NOT NULL,
    -- A sender has it: due_at is the end of its lease.
    is_taken     INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX mails_due ON mails (due_at, id) WHERE status = 'PENDING';
CREATE INDEX mails_by_time ON mails (created_at, id);
CREATE INDEX mails_by_status ON mails (status, created_at, id);

CREATE TABLE audit (
    id    BLOB PRIMARY KEY NOT NULL,
    at    INTEGER NOT NULL,
    type  TEXT NOT NULL,
    actor BLOB,
    event TEXT NOT NULL
) STRICT;

CREATE INDEX audit_by_time ON audit (at, id);
CREATE INDEX audit_by_type ON audit (type, at, id);
CREATE INDEX audit_by_actor ON audit (actor, at, id);

CREATE TABLE dead_letters (
    id       BLOB PRIMARY KEY NOT NULL,
    consumer TEXT NOT NULL,
    event_id BLOB NOT NULL,
    event    TEXT NOT NULL,
    error    TEXT NOT NULL,
    tries    INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    UNIQUE (consumer, event_id)
) STRICT;

CREATE INDEX dead_letters_by_time ON dead_letters (at, id);
