-- end_time stays what it was: when the hall is free again, cleaning included. A film's own end is start_time + film_ms.
-- film_ms: how long the film of this showing runs, in milliseconds. NULL in rows of older versions: there it is the film's
-- length as of now, until that length changes (then the old one is written here first).
ALTER TABLE screenings ADD COLUMN film_ms INTEGER;
ALTER TABLE screenings ADD COLUMN is_cancelled INTEGER NOT NULL DEFAULT 0 CHECK (is_cancelled IN (0, 1));
