-- People, their sessions, sign-ins on their way.

CREATE TABLE people (
    id          BLOB PRIMARY KEY NOT NULL,
    issuer      TEXT NOT NULL,
    subject     TEXT NOT NULL,
    name        TEXT NOT NULL,
    email       TEXT NOT NULL,
    picture_url TEXT,
    role        TEXT NOT NULL,
    language    TEXT NOT NULL,
    -- Name and e-mail in lower case: SQLite's own lower() knows ASCII only.
    search      TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    UNIQUE (issuer, subject)
) STRICT;

CREATE TABLE sessions (
    hash       BLOB PRIMARY KEY NOT NULL,
    person_id  BLOB NOT NULL REFERENCES people (id),
    created_at INTEGER NOT NULL,
    seen_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_by_seen ON sessions (seen_at);
CREATE INDEX sessions_by_created ON sessions (created_at);

-- Other servers learn from here which sessions they must forget.
CREATE TABLE ended_sessions (
    hash     BLOB PRIMARY KEY NOT NULL,
    ended_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX ended_sessions_by_time ON ended_sessions (ended_at);

CREATE TABLE sign_ins (
    state         TEXT PRIMARY KEY NOT NULL,
    browser_hash  BLOB NOT NULL,
    nonce         TEXT NOT NULL,
    pkce_verifier TEXT NOT NULL,
    return_to     TEXT NOT NULL,
    created_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX sign_ins_by_time ON sign_ins (created_at);
