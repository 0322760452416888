//! Queries of bookings, for customers and administrators. Reports are in [`super::sales_reports`].

use async_trait::async_trait;
use jiff::Timestamp;
use mongodb::bson::{Document, doc};
use seatkeeper_core::{
    booking::Booking,
    ids::{BookingId, PersonId, ScreeningId},
    payment::PaymentMethod,
    ports::{
        Backend, BookingFilter, Cursor, CustomerBooking, MovieSales, Page, PageRequest, Sales, SalesSlice, SalesTotals,
    },
    text::search_key,
};
use serde::Deserialize;

use super::{
    MongoStore,
    bookings::{BookingDocument, find_booking},
    claims,
    conn::Conn,
    documents::ms,
    fault::Fault,
    pages,
    sales_reports::{self, Totals, totals_by},
    schema::{BOOKINGS, PAYMENTS, PEOPLE},
};

#[async_trait]
impl Sales for MongoStore {
    async fn find_booking(&self, id: BookingId) -> Backend<Option<Booking>> {
        self.call(find_booking(&mut self.conn(), id)).await
    }

    async fn list_bookings_of(&self, person: PersonId, page: PageRequest) -> Backend<Page<Booking>> {
        let filter = pages::newest_first(doc! { "person_id": person.to_string() }, "created_at", page);
        let mut conn = self.conn();
        let listed = conn.list::<BookingDocument>(BOOKINGS, filter, pages::falling("created_at"), pages::limit(page));
        let bookings = self.call(listed).await?.into_iter().map(|document| document.0).collect();
        Ok(Page::cut(bookings, page.limit, cursor_of))
    }

    async fn list_bookings(&self, filter: &BookingFilter, page: PageRequest) -> Backend<Page<CustomerBooking>> {
        let (mut conn, filter) = (self.conn(), filter.clone());
        self.admin_call(async move { list_bookings(&mut conn, &filter, page).await }).await
    }

    async fn sum_bookings(&self, filter: &BookingFilter) -> Backend<SalesTotals> {
        let (mut conn, filter) = (self.conn(), filter.clone());
        self.admin_call(async move { sum_bookings(&mut conn, &filter).await }).await
    }

    async fn count_sold(&self, screenings: &[ScreeningId]) -> Backend<Vec<u32>> {
        let (mut conn, ids, sold) = (self.conn(), screenings.to_vec(), doc! { "state": "SOLD" });
        self.admin_call(async move { claims::count_seats(&mut conn, &ids, sold).await }).await
    }

    async fn list_sales(&self, from: Timestamp, to: Timestamp) -> Backend<Vec<SalesSlice>> {
        let mut conn = self.conn();
        self.admin_call(async move { sales_reports::list_sales(&mut conn, from, to).await }).await
    }

    async fn list_movie_sales(&self, from: Timestamp, to: Timestamp) -> Backend<Vec<MovieSales>> {
        let mut conn = self.conn();
        self.admin_call(async move { sales_reports::list_movie_sales(&mut conn, from, to).await }).await
    }
}

fn cursor_of(booking: &Booking) -> Cursor {
    Cursor { at: ms(booking.created_at), id: booking.id.as_uuid() }
}

/// A booking joined with its customer's data, which is missing for a customer who has never signed in.
#[derive(Deserialize)]
struct Joined {
    #[serde(flatten)]
    booking: BookingDocument,
    customer: Option<Customer>,
    payment: Paid,
}

#[derive(Deserialize)]
struct Paid {
    method: PaymentMethod,
}

#[derive(Default, Deserialize)]
struct Customer {
    name: String,
    email: String,
}

async fn list_bookings(
    conn: &mut Conn,
    filter: &BookingFilter,
    page: PageRequest,
) -> Result<Page<CustomerBooking>, Fault> {
    let found: Vec<Joined> = conn.aggregate(BOOKINGS, list_pipeline(filter, page)).await?;
    let items = found.into_iter().map(|joined| {
        let customer = joined.customer.unwrap_or_default();
        CustomerBooking {
            booking: joined.booking.0,
            customer_name: customer.name,
            customer_email: customer.email,
            payment_method: joined.payment.method,
        }
    });
    Ok(Page::cut(items.collect(), page.limit, |item: &CustomerBooking| cursor_of(&item.booking)))
}

/// The pipeline of a list of bookings: scans an index in its order and stops at the end of the page. A text filter is
/// applied during the scan.
fn list_pipeline(filter: &BookingFilter, page: PageRequest) -> Vec<Document> {
    let narrowed = pages::newest_first(match_of(filter), "created_at", page);
    let mut pipeline = vec![doc! { "$match": narrowed }, doc! { "$sort": pages::falling("created_at") }];
    let limit = doc! { "$limit": i64::from(pages::limit(page)) };
    match &filter.text {
        Some(text) => {
            pipeline.extend(with_customer());
            pipeline.extend([has_text(text), limit]);
        }
        None => {
            pipeline.push(limit);
            pipeline.extend(with_customer());
        }
    }
    pipeline.extend(with_payment());
    pipeline
}

async fn sum_bookings(conn: &mut Conn, filter: &BookingFilter) -> Result<SalesTotals, Fault> {
    let mut found = match_of(filter);
    pages::add(&mut found, doc! { "status": "CONFIRMED" });
    let mut pipeline = vec![doc! { "$match": found }];
    if let Some(text) = &filter.text {
        pipeline.extend(with_customer());
        pipeline.push(has_text(text));
    }
    pipeline.push(doc! { "$group": totals_by("") });
    let summed: Vec<Totals> = conn.aggregate(BOOKINGS, pipeline).await?;
    Ok(summed.into_iter().next().map(SalesTotals::from).unwrap_or_default())
}

/// The index conditions of a filter, without its text.
fn match_of(filter: &BookingFilter) -> Document {
    let mut found = Document::new();
    if let Some(movie) = filter.movie_id {
        found.insert("movie_id", movie.to_string());
    }
    if let Some(screening) = filter.screening_id {
        found.insert("screening_id", screening.to_string());
    }
    if let Some((from, end)) = filter.sold {
        pages::add(&mut found, doc! { "created_at": { "$gte": ms(from), "$lt": ms(end) } });
    }
    if let Some((from, end)) = filter.shown {
        pages::add(&mut found, doc! { "start_time": { "$gte": ms(from), "$lt": ms(end) } });
    }
    if let Some(status) = filter.status {
        pages::add(&mut found, doc! { "status": status.as_ref() });
    }
    found
}

/// Joins the customer's current name and e-mail address.
fn with_customer() -> [Document; 2] {
    let join = doc! { "from": PEOPLE, "localField": "person_id", "foreignField": "_id", "as": "customer" };
    [doc! { "$lookup": join }, doc! { "$set": { "customer": { "$first": "$customer" } } }]
}

/// Joins the method of the booking's payment.
fn with_payment() -> [Document; 2] {
    let join = doc! { "from": PAYMENTS, "localField": "payment_id", "foreignField": "_id", "as": "payment" };
    [doc! { "$lookup": join }, doc! { "$set": { "payment": { "$first": "$payment" } } }]
}

/// Matches bookings by a substring of the customer's name or e-mail address, or of the code. `$indexOfCP` has no
/// wildcards, and `$literal` prevents a `$` in the text from being evaluated as an expression.
fn has_text(text: &str) -> Document {
    let (key, of_older_servers) = (search_key(text), text.to_lowercase());
    let is_in = |text: &str, place: Document| doc! { "$gte": [{ "$indexOfCP": [place, { "$literal": text }] }, 0] };
    let customer = || doc! { "$ifNull": ["$customer.search", ""] };
    let code = is_in(&key, doc! { "$toLower": "$code" });
    doc! { "$match": { "$expr": { "$or": [is_in(&key, customer()), is_in(&of_older_servers, customer()), code] } } }
}
