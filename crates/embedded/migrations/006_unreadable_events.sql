-- What stood in the outbox or in the log and cannot be read: kept as it was found, out of everybody's way.

CREATE TABLE unreadable_events (
    origin       TEXT NOT NULL CHECK (origin IN ('outbox', 'events')),
    position     INTEGER NOT NULL,
    event        TEXT NOT NULL,
    error        TEXT NOT NULL,
    put_aside_at INTEGER NOT NULL,
    PRIMARY KEY (origin, position)
) STRICT, WITHOUT ROWID;
