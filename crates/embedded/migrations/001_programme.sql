-- Films, halls, screenings, posters. Ids are 16 bytes, times milliseconds since 1970, money satang.

CREATE TABLE counters (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO counters (name, value) VALUES ('programme_revision', 0);

-- deleted_at: gone from the programme, kept so that past screenings stay readable.
CREATE TABLE movies (
    id         BLOB PRIMARY KEY NOT NULL,
    revision   INTEGER NOT NULL,
    title      TEXT NOT NULL,
    details    TEXT NOT NULL,
    deleted_at INTEGER
) STRICT;

CREATE TABLE halls (
    id         BLOB PRIMARY KEY NOT NULL,
    revision   INTEGER NOT NULL,
    name       TEXT NOT NULL,
    layout     TEXT NOT NULL,
    deleted_at INTEGER
) STRICT;

CREATE TABLE screenings (
    id             BLOB PRIMARY KEY NOT NULL,
    revision       INTEGER NOT NULL,
    movie_id       BLOB NOT NULL REFERENCES movies (id),
    hall_id        BLOB NOT NULL REFERENCES halls (id),
    start_time     INTEGER NOT NULL,
    end_time       INTEGER NOT NULL,
    seats_for_sale INTEGER NOT NULL,
    prices         TEXT NOT NULL,
    layout         TEXT NOT NULL
) STRICT;

CREATE INDEX screenings_by_start ON screenings (start_time, id);
CREATE INDEX screenings_by_movie ON screenings (movie_id, start_time, id);
CREATE INDEX screenings_by_hall ON screenings (hall_id, start_time);

CREATE TABLE posters (
    id           BLOB PRIMARY KEY NOT NULL,
    content_type TEXT NOT NULL,
    bytes        BLOB NOT NULL
) STRICT;
