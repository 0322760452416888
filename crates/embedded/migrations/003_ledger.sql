-- Payments, claims, bookings.

CREATE TABLE payments (
    id               BLOB PRIMARY KEY NOT NULL,
    screening_id     BLOB NOT NULL,
    person_id        BLOB NOT NULL,
    method           TEXT NOT NULL,
    status           TEXT NOT NULL,
    seats            TEXT NOT NULL,
    amount           INTEGER NOT NULL,
    created_at       INTEGER NOT NULL,
    expires_at       INTEGER NOT NULL,
    confirming_since INTEGER,
    outcome          TEXT,
    money_task       TEXT,
    booking_id       BLOB
) STRICT;

-- The payments that need somebody are few among many: each kind has its own small index.
CREATE INDEX payments_pending ON payments (expires_at) WHERE status = 'PENDING';
CREATE INDEX payments_confirming ON payments (created_at) WHERE status = 'CONFIRMING';
CREATE INDEX payments_money_task ON payments (created_at) WHERE money_task IS NOT NULL;

-- The law: one row for a seat of a screening, so nothing is sold twice even if the code is wrong.
-- until: when the claim of a PENDING payment ends; NULL for CONFIRMING and sold, which do not end by time.
CREATE TABLE seat_claims (
    screening_id BLOB NOT NULL,
    seat_id      TEXT NOT NULL,
    payment_id   BLOB NOT NULL REFERENCES payments (id),
    person_id    BLOB NOT NULL,
    state        TEXT NOT NULL CHECK (state IN ('CLAIMED', 'SOLD')),
    until        INTEGER CHECK (until IS NULL OR state = 'CLAIMED'),
    PRIMARY KEY (screening_id, seat_id)
) STRICT, WITHOUT ROWID;

-- Titles of the day of sale: later changes of the programme do not rewrite tickets.
CREATE TABLE bookings (
    id           BLOB PRIMARY KEY NOT NULL,
    code         TEXT NOT NULL UNIQUE,
    status       TEXT NOT NULL,
    person_id    BLOB NOT NULL,
    payment_id   BLOB NOT NULL UNIQUE REFERENCES payments (id),
    screening_id BLOB NOT NULL,
    movie_id     BLOB NOT NULL,
    movie_title  TEXT NOT NULL,
    hall_name    TEXT NOT NULL,
    start_time   INTEGER NOT NULL,
    seats        TEXT NOT NULL,
    seat_count   INTEGER NOT NULL,
    total        INTEGER NOT NULL,
    created_at   INTEGER NOT NULL
) STRICT;

CREATE INDEX bookings_by_time ON bookings (created_at, id);
CREATE INDEX bookings_by_person ON bookings (person_id, created_at, id);
CREATE INDEX bookings_by_screening ON bookings (screening_id, created_at, id);
CREATE INDEX bookings_by_movie ON bookings (movie_id, created_at, id);
CREATE INDEX bookings_by_show ON bookings (start_time);

CREATE TABLE reservations (
    person_id    BLOB NOT NULL,
    call         TEXT NOT NULL,
    key          TEXT NOT NULL,
    body_hash    BLOB NOT NULL,
    subject      BLOB NOT NULL,
    created_at   INTEGER NOT NULL,
    lease_until  INTEGER,
    status       INTEGER,
    content_type TEXT,
    body         BLOB,
    UNIQUE (person_id, call, key)
) STRICT;

CREATE INDEX reservations_by_time ON reservations (created_at);

-- The mock provider's own books.
CREATE TABLE mock_book (
    payment_id BLOB PRIMARY KEY NOT NULL,
    answer     TEXT NOT NULL
) STRICT, WITHOUT ROWID;
