-- The pages of bookings, their totals and the reports of sales read this index, the totals and reports nothing else.
DROP INDEX bookings_by_time;
CREATE INDEX bookings_by_time_for_reports
    ON bookings (created_at, id, status, movie_id, seat_count, total, person_id, code);

-- A search for customers reads this index and nothing else.
CREATE INDEX people_by_search ON people (search, id);

-- Up to which entry the audit log was searched for old entries about refused attempts and sign-ins.
CREATE TABLE audit_sweep (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    at  INTEGER NOT NULL,
    id  BLOB NOT NULL
) STRICT;
