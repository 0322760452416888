//! Reading and writing rows of screenings.
//!
//! The column `end_time` is the time when the hall is free again. The end of the film is computed from `film_ms`, or,
//! in rows of earlier versions of the program, from the film's current length: see the migration `007_film_ends`.

use jiff::Timestamp;
use rusqlite::{Row, Transaction, params, params_from_iter, types::Value};
use seatkeeper_core::{
    booking::Booking,
    catalogue::Screening,
    hall_slots::HallSlot,
    ids::{HallId, MovieId, ScreeningId},
    ports::{Cursor, Page, PageRequest, ScreeningFilter, ScreeningNames},
};

use super::rows::{Columns, Fault, StoredId, after, find, id_list, limit, list, ms};

/// Joins the names of film and hall. Deleted films and halls are included, because past screenings refer to them.
pub(super) const SELECT: &str = "SELECT s.id, s.revision, s.movie_id, s.hall_id, s.start_time, s.end_time, s.is_cancelled, \
     s.prices, s.layout, m.title AS movie_title, json_extract(m.details, '$.title_th') AS movie_title_th, \
     h.name AS hall_name, h.name_th AS hall_name_th, \
     coalesce(s.film_ms, json_extract(m.details, '$.duration_min') * 60000) AS film_ms \
     FROM screenings s JOIN movies m ON m.id = s.movie_id JOIN halls h ON h.id = s.hall_id";
/// The times of screenings, without prices and layout, which are large.
const SELECT_TIMES: &str = "SELECT s.id, s.revision, s.movie_id, s.hall_id, s.start_time, s.end_time, s.is_cancelled, \
     coalesce(s.film_ms, json_extract(m.details, '$.duration_min') * 60000) AS film_ms \
     FROM screenings s JOIN movies m ON m.id = s.movie_id";

/// The fields of a screening that decide whether a change moves it to another time, hall or film.
pub(super) struct ScreeningTimes {
    pub(super) revision: u64,
    pub(super) movie_id: MovieId,
    pub(super) slot: HallSlot,
    pub(super) is_cancelled: bool,
}

pub(super) fn find_times(tx: &Transaction<'_>, id: ScreeningId) -> Result<Option<ScreeningTimes>, Fault> {
    let sql = format!("{SELECT_TIMES} WHERE s.id = ?1");
    let read = |row: &Row<'_>| {
        Ok(ScreeningTimes {
            revision: row.number("revision")?,
            movie_id: row.id("movie_id")?,
            slot: read_slot(row)?,
            is_cancelled: row.get("is_cancelled")?,
        })
    };
    find(tx, &sql, [id.bytes()], read)
}

/// A screening with its revision.
pub(super) fn find_screening(tx: &Transaction<'_>, id: ScreeningId) -> Result<Option<(Screening, u64)>, Fault> {
    find(tx, &format!("{SELECT} WHERE s.id = ?1"), [id.bytes()], read_screening)
}

/// The screenings that match the filter, sorted by start and id.
pub(super) fn list_screenings(
    tx: &Transaction<'_>,
    filter: &ScreeningFilter,
    page: PageRequest,
) -> Result<Page<(Screening, u64)>, Fault> {
    let (sql, values) = list_statement(SELECT, filter, page)?;
    let items = list(tx, &sql, params_from_iter(values), read_screening)?;
    Ok(Page::cut(items, page.limit, |(s, _): &(Screening, u64)| Cursor { at: ms(s.start_time), id: s.id.uuid() }))
}

/// The ids of the screenings that [`list_screenings`] returns.
pub(super) fn list_screening_ids(
    tx: &Transaction<'_>,
    filter: &ScreeningFilter,
    page: PageRequest,
) -> Result<Page<ScreeningId>, Fault> {
    let (sql, values) = list_statement("SELECT s.id, s.start_time FROM screenings s", filter, page)?;
    let read = |row: &Row<'_>| Ok(Cursor { at: row.get("start_time")?, id: row.id("id")? });
    let keys = list(tx, &sql, params_from_iter(values), read)?;
    Ok(Page::cut(keys, page.limit, |key| *key).map(|key| ScreeningId::of_uuid(key.id)))
}

/// The screenings with these ids that exist.
pub(super) fn find_screenings(tx: &Transaction<'_>, ids: &[ScreeningId]) -> Result<Vec<(Screening, u64)>, Fault> {
    let sql = format!("{SELECT} WHERE s.id IN (SELECT unhex(value) FROM json_each(?))");
    list(tx, &sql, [id_list(ids)?], read_screening)
}

/// The names of the screenings with these ids that exist.
pub(super) fn list_names(tx: &Transaction<'_>, ids: &[ScreeningId]) -> Result<Vec<ScreeningNames>, Fault> {
    let sql = "SELECT s.id, s.start_time, m.title, json_extract(m.details, '$.title_th') AS title_th, h.name, h.name_th \
         FROM screenings s JOIN movies m ON m.id = s.movie_id JOIN halls h ON h.id = s.hall_id \
         WHERE s.id IN (SELECT unhex(value) FROM json_each(?))";
    let read = |row: &Row<'_>| {
        Ok(ScreeningNames {
            id: row.id("id")?,
            movie_title: row.get("title")?,
            movie_title_th: row.get("title_th")?,
            hall_name: row.get("name")?,
            hall_name_th: row.get("name_th")?,
            start_time: row.time("start_time")?,
        })
    };
    list(tx, sql, [id_list(ids)?], read)
}

/// The statement `select` with the filter's conditions, limited to one row more than the page.
pub(super) fn list_statement(
    select: &str,
    filter: &ScreeningFilter,
    page: PageRequest,
) -> Result<(String, Vec<Value>), Fault> {
    let (after_at, after_id) = after(page);
    let mut sql = format!("{select} WHERE (s.start_time, s.id) > (?, ?)");
    let mut values = vec![Value::Integer(after_at), Value::Blob(after_id.to_vec())];
    let mut narrow = |clause: &str, value: Value| {
        sql.push_str(clause);
        values.push(value);
    };
    if let Some(movies) = &filter.movies {
        let clause = " AND s.movie_id IN (SELECT unhex(value) FROM json_each(?))";
        narrow(clause, Value::Text(id_list(movies)?));
    }
    if let Some(hall) = filter.hall {
        narrow(" AND s.hall_id = ?", Value::Blob(hall.bytes().to_vec()));
    }
    if let Some(at) = filter.start_time {
        narrow(" AND s.start_time = ?", Value::Integer(ms(at)));
    }
    if let Some(from) = filter.from {
        narrow(" AND s.start_time >= ?", Value::Integer(ms(from)));
    }
    if let Some(end) = filter.before {
        narrow(" AND s.start_time < ?", Value::Integer(ms(end)));
    }
    if filter.without_cancelled {
        narrow(" AND s.is_cancelled = ?", Value::Integer(0));
    }
    narrow(" ORDER BY s.start_time, s.id LIMIT ?", Value::Integer(limit(page)));
    Ok((sql, values))
}

/// The slots of the screenings in these halls that start after `after_ms` and before `before_ms` and are not cancelled.
pub(super) fn list_slots(
    tx: &Transaction<'_>,
    halls: &[HallId],
    after_ms: i64,
    before_ms: i64,
) -> Result<Vec<HallSlot>, Fault> {
    let sql = format!(
        "{SELECT_TIMES} WHERE s.hall_id IN (SELECT unhex(value) FROM json_each(?1)) AND s.start_time > ?2 \
         AND s.start_time < ?3 AND s.is_cancelled = 0"
    );
    list(tx, &sql, (id_list(halls)?, after_ms, before_ms), read_slot)
}

/// The slots of a film's screenings that start after `now_ms` and are not cancelled.
pub(super) fn list_slots_to_come(tx: &Transaction<'_>, movie: [u8; 16], now_ms: i64) -> Result<Vec<HallSlot>, Fault> {
    let sql = format!("{SELECT_TIMES} WHERE s.movie_id = ?1 AND s.start_time > ?2 AND s.is_cancelled = 0");
    list(tx, &sql, (movie, now_ms), read_slot)
}

/// Updates the booking's film, hall and start to those of its screening, if the screening still exists.
pub(super) fn with_show_of_now(tx: &Transaction<'_>, booking: Booking) -> Result<Booking, Fault> {
    let sql = "SELECT s.movie_id, m.title, json_extract(m.details, '$.title_th') AS title_th, h.name, h.name_th, \
         s.start_time FROM screenings s JOIN movies m ON m.id = s.movie_id JOIN halls h ON h.id = s.hall_id WHERE s.id = ?1";
    let old = booking.clone();
    let read = |row: &Row<'_>| {
        Ok(Booking {
            movie_id: row.id("movie_id")?,
            movie_title: row.get("title")?,
            movie_title_th: row.get("title_th")?,
            hall_name: row.get("name")?,
            hall_name_th: row.get("name_th")?,
            start_time: row.time("start_time")?,
            ..old.clone()
        })
    };
    Ok(find(tx, sql, params![booking.screening_id.bytes()], read)?.unwrap_or(booking))
}

fn read_slot(row: &Row<'_>) -> Result<HallSlot, Fault> {
    let (id, hall, film_ms) = (row.id("id")?, row.id("hall_id")?, row.get("film_ms")?);
    Ok(HallSlot::of_stored(id, hall, row.get("start_time")?, film_ms, row.get("end_time")?))
}

fn read_screening(row: &Row<'_>) -> Result<(Screening, u64), Fault> {
    let slot = read_slot(row)?;
    let screening = Screening {
        id: slot.screening_id,
        movie_id: row.id("movie_id")?,
        hall_id: slot.hall_id,
        start_time: row.time("start_time")?,
        end_time: time_of(slot.end_ms)?,
        hall_free_at: time_of(slot.free_ms)?,
        is_cancelled: row.get("is_cancelled")?,
        movie_title: row.get("movie_title")?,
        movie_title_th: row.get("movie_title_th")?,
        hall_name: row.get("hall_name")?,
        hall_name_th: row.get("hall_name_th")?,
        layout: row.json("layout")?,
        prices: row.json("prices")?,
    };
    Ok((screening, row.number("revision")?))
}

fn time_of(ms: i64) -> Result<Timestamp, Fault> {
    Timestamp::from_millisecond(ms).map_err(|_| Fault::Unreadable("end_time".to_owned()))
}
