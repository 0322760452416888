//! Screenings as rows.

use rusqlite::{Row, Transaction, params_from_iter, types::Value};
use seatkeeper_core::{
    catalogue::Screening,
    ids::ScreeningId,
    ports::{Cursor, Page, PageRequest, ScreeningFilter},
};

use super::rows::{Columns, Fault, StoredId, after, find, id_list, limit, list, ms};

/// A deleted film or hall still gives its name to the screenings of the past.
const SELECT: &str = "SELECT s.id, s.revision, s.movie_id, s.hall_id, s.start_time, s.end_time, s.prices, s.layout, \
     m.title AS movie_title, h.name AS hall_name \
     FROM screenings s JOIN movies m ON m.id = s.movie_id JOIN halls h ON h.id = s.hall_id";

/// A screening with its revision.
pub(super) fn find_screening(tx: &Transaction<'_>, id: ScreeningId) -> Result<Option<(Screening, u64)>, Fault> {
    let read = |row: &Row<'_>| Ok((read_screening(row)?, row.number("revision")?));
    find(tx, &format!("{SELECT} WHERE s.id = ?1"), [id.bytes()], read)
}

/// In order of start, then id.
pub(super) fn list_screenings(
    tx: &Transaction<'_>,
    filter: &ScreeningFilter,
    page: PageRequest,
) -> Result<Page<Screening>, Fault> {
    let (sql, values) = list_statement(SELECT, filter, page)?;
    let items = list(tx, &sql, params_from_iter(values), read_screening)?;
    Ok(Page::cut(items, page.limit, |s| Cursor { at: ms(s.start_time), id: s.id.uuid() }))
}

/// The same page without what is large.
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

/// Those of these that are there.
pub(super) fn find_screenings(tx: &Transaction<'_>, ids: &[ScreeningId]) -> Result<Vec<Screening>, Fault> {
    let sql = format!("{SELECT} WHERE s.id IN (SELECT unhex(value) FROM json_each(?))");
    list(tx, &sql, [id_list(ids)?], read_screening)
}

/// `select`, narrowed to what fits and to one row more than the page.
fn list_statement(select: &str, filter: &ScreeningFilter, page: PageRequest) -> Result<(String, Vec<Value>), Fault> {
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
    if let Some(at) = filter.start_time {
        narrow(" AND s.start_time = ?", Value::Integer(ms(at)));
    }
    if let Some(from) = filter.from {
        narrow(" AND s.start_time >= ?", Value::Integer(ms(from)));
    }
    if let Some(end) = filter.before {
        narrow(" AND s.start_time < ?", Value::Integer(ms(end)));
    }
    narrow(" ORDER BY s.start_time, s.id LIMIT ?", Value::Integer(limit(page)));
    Ok((sql, values))
}

fn read_screening(row: &Row<'_>) -> Result<Screening, Fault> {
    Ok(Screening {
        id: row.id("id")?,
        movie_id: row.id("movie_id")?,
        hall_id: row.id("hall_id")?,
        start_time: row.time("start_time")?,
        end_time: row.time("end_time")?,
        movie_title: row.get("movie_title")?,
        hall_name: row.get("hall_name")?,
        layout: row.json("layout")?,
        prices: row.json("prices")?,
    })
}
