//! Queries of bookings, for customers and administrators. Reports are in [`super::sales_reports`].

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Row, Transaction, params_from_iter, types::Value};
use seatkeeper_core::{
    booking::Booking,
    ids::{BookingId, PersonId, ScreeningId},
    ports::{
        Backend, BookingFilter, Cursor, CustomerBooking, MovieSales, Page, PageRequest, Sales, SalesSlice, SalesTotals,
    },
    text::search_key,
};

use super::{
    SqliteStore,
    bookings::{find_booking, read_booking},
    rows::{Columns, Fault, StoredId, before, find, id_list, limit, list, ms},
    sales_reports::{self, read_totals},
};

#[async_trait]
impl Sales for SqliteStore {
    async fn find_booking(&self, id: BookingId) -> Backend<Option<Booking>> {
        self.read(move |tx| find_booking(tx, id)).await
    }

    async fn list_bookings_of(&self, person: PersonId, page: PageRequest) -> Backend<Page<Booking>> {
        let sql = "SELECT * FROM bookings WHERE person_id = ?1 AND (created_at, id) < (?2, ?3) \
             ORDER BY created_at DESC, id DESC LIMIT ?4";
        self.read(move |tx| {
            let (at, id) = before(page);
            let items = list(tx, sql, (person.bytes(), at, id, limit(page)), read_booking)?;
            Ok(Page::cut(items, page.limit, cursor_of))
        })
        .await
    }

    async fn list_bookings(&self, filter: &BookingFilter, page: PageRequest) -> Backend<Page<CustomerBooking>> {
        let filter = filter.clone();
        self.admin_read(move |tx| list_bookings(tx, &filter, page)).await
    }

    async fn sum_bookings(&self, filter: &BookingFilter) -> Backend<SalesTotals> {
        let filter = filter.clone();
        self.admin_read(move |tx| sum_bookings(tx, &filter)).await
    }

    async fn count_sold(&self, screenings: &[ScreeningId]) -> Backend<Vec<u32>> {
        let ids = id_list(screenings);
        self.admin_read(move |tx| list(tx, SOLD_SEATS, [ids?], |row| row.number("sold"))).await
    }

    async fn list_sales(&self, from: Timestamp, to: Timestamp) -> Backend<Vec<SalesSlice>> {
        self.admin_read(move |tx| sales_reports::list_sales(tx, from, to)).await
    }

    async fn list_movie_sales(&self, from: Timestamp, to: Timestamp) -> Backend<Vec<MovieSales>> {
        self.admin_read(move |tx| sales_reports::list_movie_sales(tx, from, to)).await
    }
}

/// Returns one row for each requested screening, in the order of the request.
pub(super) const SOLD_SEATS: &str = "SELECT (SELECT count(*) FROM seat_claims c \
     WHERE c.screening_id = unhex(asked.value) AND c.state = 'SOLD') AS sold FROM json_each(?1) AS asked ORDER BY asked.key";

fn cursor_of(booking: &Booking) -> Cursor {
    Cursor { at: ms(booking.created_at), id: booking.id.uuid() }
}

fn list_bookings(
    tx: &Transaction<'_>,
    filter: &BookingFilter,
    page: PageRequest,
) -> Result<Page<CustomerBooking>, Fault> {
    let (sql, values) = list_statement(filter, page);
    let read = |row: &Row<'_>| {
        let (customer_name, customer_email) = (row.get("customer_name")?, row.get("customer_email")?);
        let payment_method = row.word("payment_method")?;
        Ok(CustomerBooking { booking: read_booking(row)?, customer_name, customer_email, payment_method })
    };
    let items = list(tx, &sql, params_from_iter(values), read)?;
    Ok(Page::cut(items, page.limit, |item| cursor_of(&item.booking)))
}

/// The SQL statement and its values. A function of its own, so that a test can check the query plan.
pub(super) fn list_statement(filter: &BookingFilter, page: PageRequest) -> (String, Vec<Value>) {
    let (at, id) = before(page);
    let mut values = vec![Value::Integer(at), Value::Blob(id.to_vec())];
    let narrowed = narrow(filter, &mut values);
    values.push(Value::Integer(limit(page)));
    let sql = format!(
        "SELECT b.*, coalesce(p.name, '') AS customer_name, coalesce(p.email, '') AS customer_email, \
         m.method AS payment_method FROM bookings b JOIN payments m ON m.id = b.payment_id \
         LEFT JOIN people p ON p.id = b.person_id WHERE (b.created_at, b.id) < (?, ?){narrowed} \
         ORDER BY b.created_at DESC, b.id DESC LIMIT ?"
    );
    (sql, values)
}

/// The SQL statement of the totals and its values.
pub(super) fn sum_statement(filter: &BookingFilter) -> (String, Vec<Value>) {
    let mut values = Vec::new();
    let narrowed = narrow(filter, &mut values);
    let sql = format!(
        "SELECT count(*) AS bookings, coalesce(sum(b.seat_count), 0) AS seats, coalesce(sum(b.total), 0) AS revenue \
         FROM bookings b WHERE b.status = 'CONFIRMED'{narrowed}"
    );
    (sql, values)
}

fn sum_bookings(tx: &Transaction<'_>, filter: &BookingFilter) -> Result<SalesTotals, Fault> {
    let (sql, values) = sum_statement(filter);
    let totals = find(tx, &sql, params_from_iter(values), read_totals)?;
    Ok(totals.unwrap_or_default())
}

/// The filter's conditions as SQL (` AND …`). Appends their parameters to `values`.
fn narrow(filter: &BookingFilter, values: &mut Vec<Value>) -> String {
    let mut sql = String::new();
    let mut add = |clause: &str, given: Vec<Value>| {
        sql.push_str(clause);
        values.extend(given);
    };
    if let Some(movie) = filter.movie_id {
        add(" AND b.movie_id = ?", vec![Value::Blob(movie.bytes().to_vec())]);
    }
    if let Some(screening) = filter.screening_id {
        add(" AND b.screening_id = ?", vec![Value::Blob(screening.bytes().to_vec())]);
    }
    if let Some((from, end)) = filter.sold {
        add(" AND b.created_at >= ? AND b.created_at < ?", vec![Value::Integer(ms(from)), Value::Integer(ms(end))]);
    }
    if let Some((from, end)) = filter.shown {
        add(" AND b.start_time >= ? AND b.start_time < ?", vec![Value::Integer(ms(from)), Value::Integer(ms(end))]);
    }
    if let Some(status) = filter.status {
        add(" AND b.status = ?", vec![Value::Text(status.as_ref().to_owned())]);
    }
    if let Some(text) = &filter.text {
        // The matching customers are found once and not for each booking. `instr` has no wildcards. Booking codes are
        // ASCII, for which `lower()` is enough.
        let (key, of_old_rows) = (Value::Text(search_key(text)), Value::Text(text.to_lowercase()));
        let clause = " AND (b.person_id IN (SELECT id FROM people WHERE instr(search, ?) > 0 OR instr(search, ?) > 0) \
             OR instr(lower(b.code), ?) > 0)";
        add(clause, vec![key.clone(), of_old_rows, key]);
    }
    sql
}
