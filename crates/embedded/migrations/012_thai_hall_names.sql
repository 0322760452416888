-- name_th: the hall's Thai name. NULL in rows of older versions, and for halls without one.
ALTER TABLE halls ADD COLUMN name_th TEXT;

-- hall_name_th: the hall's Thai name when the seats were sold. NULL in rows of older versions, and for halls without one.
ALTER TABLE bookings ADD COLUMN hall_name_th TEXT;
