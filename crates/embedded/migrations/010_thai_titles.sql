-- movie_title_th: the film's Thai title when the seats were sold. NULL in rows of older versions, and for films without one.
ALTER TABLE bookings ADD COLUMN movie_title_th TEXT;
