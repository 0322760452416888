//! Reading and writing rows of bookings.

use rusqlite::{Row, Transaction, params};
use seatkeeper_core::{
    booking::{Booking, BookingStatus},
    ids::BookingId,
};

use super::rows::{Columns, Fault, StoredId, find, json_of, ms, run};

pub(super) fn find_booking(tx: &Transaction<'_>, id: BookingId) -> Result<Option<Booking>, Fault> {
    find(tx, "SELECT * FROM bookings WHERE id = ?1", [id.bytes()], read_booking)
}

/// Inserts a new booking; false when another booking has the same booking code.
pub(super) fn insert(tx: &Transaction<'_>, booking: &Booking) -> Result<bool, Fault> {
    let sql = "INSERT INTO bookings (id, code, status, person_id, payment_id, screening_id, movie_id, movie_title, \
         hall_name, start_time, seats, seat_count, total, created_at, movie_title_th, \
         hall_name_th) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16) \
         ON CONFLICT (code) DO NOTHING";
    let values = params![
        booking.id.bytes(),
        booking.code,
        booking.status.as_ref(),
        booking.person_id.bytes(),
        booking.payment_id.bytes(),
        booking.screening_id.bytes(),
        booking.movie_id.bytes(),
        booking.movie_title,
        booking.hall_name,
        ms(booking.start_time),
        json_of(&booking.seats)?,
        i64::try_from(booking.seats.len()).unwrap_or(i64::MAX),
        booking.total.amount,
        ms(booking.created_at),
        booking.movie_title_th,
        booking.hall_name_th
    ];
    Ok(run(tx, sql, values)? == 1)
}

/// Marks a booking as refunded.
pub(super) fn set_refunded(tx: &Transaction<'_>, id: BookingId) -> Result<(), Fault> {
    let sql = "UPDATE bookings SET status = ?2 WHERE id = ?1";
    run(tx, sql, (id.bytes(), BookingStatus::Refunded.as_ref()))?;
    Ok(())
}

pub(super) fn read_booking(row: &Row<'_>) -> Result<Booking, Fault> {
    Ok(Booking {
        id: row.id("id")?,
        code: row.get("code")?,
        status: row.word("status")?,
        person_id: row.id("person_id")?,
        payment_id: row.id("payment_id")?,
        screening_id: row.id("screening_id")?,
        movie_id: row.id("movie_id")?,
        movie_title: row.get("movie_title")?,
        movie_title_th: row.get("movie_title_th")?,
        hall_name: row.get("hall_name")?,
        hall_name_th: row.get("hall_name_th")?,
        start_time: row.time("start_time")?,
        seats: row.json("seats")?,
        total: row.money("total")?,
        created_at: row.time("created_at")?,
    })
}
