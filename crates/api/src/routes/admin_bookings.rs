//! All bookings, with filters, totals and a CSV export.

use axum::{
    Json,
    body::Body,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use futures_util::stream;
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use seatkeeper_core::{
    booking::BookingStatus,
    box_office::{BoxOffice, day_span},
    ids::{MovieId, PersonId, ScreeningId},
    invalid::Rule,
    money::Money,
    payment::PaymentMethod,
    ports::{BackendError, BookingFilter, Cursor, CustomerBooking, PAGE_ITEMS_MAX, Page, PageRequest, SalesTotals},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::csv::{BOM, push_row};
use crate::{
    auth::Admin,
    error::{ApiError, ApiResult},
    extract::{PageParams, Query},
    state::App,
    wire::{Booking, BookingStatusShape, MoneyShape, PaymentMethodShape},
};

/// A booking and whose it is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AdminBooking {
    /// The booking.
    #[serde(flatten)]
    pub booking: Booking,
    /// Whose.
    pub customer: Customer,
    /// How it was paid; null when there was nothing to pay.
    #[schema(value_type = Option<PaymentMethodShape>, required = true)]
    pub payment_method: Option<PaymentMethod>,
}

/// The customer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Customer {
    /// Their id.
    #[schema(value_type = String)]
    pub id: PersonId,
    /// Their name now.
    pub name: String,
    /// Their e-mail now.
    pub email: String,
}

/// Numbers of a whole selection; refunded bookings are left out.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Totals {
    /// Bookings.
    pub bookings: u64,
    /// Seats (a pair is one).
    pub seats: u64,
    /// Money.
    #[schema(value_type = MoneyShape)]
    pub revenue: Money,
}

impl From<SalesTotals> for Totals {
    fn from(totals: SalesTotals) -> Self {
        Self { bookings: totals.bookings, seats: totals.seats, revenue: Money::satang(totals.revenue) }
    }
}

/// A page of bookings with the numbers of the whole selection.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AdminBookings {
    /// Newest first.
    pub items: Vec<AdminBooking>,
    /// Give this as `cursor` for the next page; null at the end.
    #[schema(required = true)]
    pub next_cursor: Option<String>,
    /// Of the whole selection, not of the page.
    pub totals: Totals,
}

impl AdminBooking {
    fn new(found: CustomerBooking) -> Self {
        let payment_method = found.paid_by();
        let customer = Customer { id: found.booking.person_id, name: found.customer_name, email: found.customer_email };
        Self { booking: Booking::new(found.booking), customer, payment_method }
    }
}

/// Which bookings.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct BookingsQuery {
    /// Of this film.
    movie_id: Option<String>,
    /// Of this screening.
    screening_id: Option<String>,
    /// Sold on this day of the cinema's time zone.
    date: Option<Date>,
    /// Shown on this day of the cinema's time zone.
    show_date: Option<Date>,
    /// Part of the customer's name or e-mail, or of the booking code; case does not matter, `%` and `_` are letters.
    q: Option<String>,
    /// In this state.
    #[param(value_type = Option<BookingStatusShape>)]
    status: Option<BookingStatus>,
    /// The `next_cursor` of the previous page; left out for the first page.
    cursor: Option<String>,
    /// How many items, 1 to 200; 50 when left out.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
}

impl BookingsQuery {
    /// The filter; `None` for malformed ids, which no booking can have.
    fn filter(&self, office: &BoxOffice) -> ApiResult<Option<BookingFilter>> {
        let day = |field: &str, date: Option<Date>| {
            let span = date.map(|date| day_span(date, date, &office.settings.time_zone));
            span.transpose().map_err(|_| ApiError::invalid(field, Rule::Day {}))
        };
        let (sold, shown) = (day("date", self.date)?, day("show_date", self.show_date)?);
        let movie_id = self.movie_id.as_deref().map(MovieId::parse);
        let screening_id = self.screening_id.as_deref().map(ScreeningId::parse);
        if movie_id == Some(None) || screening_id == Some(None) {
            return Ok(None);
        }
        let text = self.q.clone().filter(|text| !text.is_empty());
        let (movie_id, screening_id) = (movie_id.flatten(), screening_id.flatten());
        Ok(Some(BookingFilter { movie_id, screening_id, sold, shown, text, status: self.status }))
    }
}

/// Everybody's bookings, newest first
#[utoipa::path(get, path = "/api/admin/bookings", tag = "For administrators: sales", security(("session" = [])),
    params(BookingsQuery), responses((status = 200, body = AdminBookings)))]
pub(crate) async fn list_all_bookings(
    State(app): State<App>,
    _: Admin,
    Query(query): Query<BookingsQuery>,
) -> ApiResult<Json<AdminBookings>> {
    let page = PageParams { cursor: query.cursor.clone(), limit: query.limit }.page()?;
    let (found, totals) = match query.filter(&app.office)? {
        Some(filter) => (
            app.office.stores.sales.list_bookings(&filter, page).await?,
            app.office.stores.sales.sum_bookings(&filter).await?,
        ),
        None => (Page { items: Vec::new(), next: None }, SalesTotals::default()),
    };
    let next_cursor = found.next.map(|next| next.to_string());
    let items = found.items.into_iter().map(AdminBooking::new).collect();
    Ok(Json(AdminBookings { items, next_cursor, totals: totals.into() }))
}

/// The columns of the CSV export.
const COLUMNS: [&str; 14] = [
    "code",
    "status",
    "movie_title",
    "hall_name",
    "start_time",
    "customer_name",
    "customer_email",
    "seats",
    "total",
    "currency",
    "created_at",
    "payment_method",
    "movie_title_th",
    "refunded",
];

/// The whole selection as a table
///
/// UTF-8 with a byte order mark, CRLF. Times are in the cinema's time zone: `2026-11-30 18:00`. A cell that a spreadsheet would
/// evaluate as a formula gets a leading `'`.
#[utoipa::path(get, path = "/api/admin/bookings.csv", tag = "For administrators: sales", security(("session" = [])),
    params(BookingsQuery), responses((status = 200, body = String, content_type = "text/csv")))]
pub(crate) async fn export_bookings(
    State(app): State<App>,
    _: Admin,
    Query(query): Query<BookingsQuery>,
) -> ApiResult<Response> {
    PageParams { cursor: query.cursor.clone(), limit: query.limit }.page()?;
    let filter = query.filter(&app.office)?;
    let mut table = String::from(BOM);
    push_row(&mut table, COLUMNS);
    let first = match &filter {
        // Read the first page before answering, so that an unavailable store gives 503 instead of a truncated file.
        Some(filter) => Some(add_page(&app.office, filter, None, &mut table).await?),
        None => None,
    };
    let rest = stream::try_unfold((app, filter, first.flatten()), |(app, filter, after)| async move {
        let (Some(after), Some(filter)) = (after, filter) else { return Ok::<_, BackendError>(None) };
        let mut rows = String::new();
        let next = add_page(&app.office, &filter, Some(after), &mut rows).await?;
        Ok(Some((rows, (app, Some(filter), next))))
    });
    let all = stream::StreamExt::chain(stream::once(async { Ok(table) }), rest);
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"bookings.csv\""),
    ];
    Ok((headers, Body::from_stream(all)).into_response())
}

async fn add_page(
    office: &BoxOffice,
    filter: &BookingFilter,
    after: Option<Cursor>,
    table: &mut String,
) -> Result<Option<Cursor>, BackendError> {
    let page = office.stores.sales.list_bookings(filter, PageRequest { after, limit: PAGE_ITEMS_MAX }).await?;
    for found in &page.items {
        push_booking(table, found, &office.settings.time_zone);
    }
    Ok(page.next)
}

fn push_booking(table: &mut String, found: &CustomerBooking, zone: &TimeZone) {
    let booking = &found.booking;
    let local = |at: Timestamp| at.to_zoned_datetime(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string();
    let refunded = match booking.status {
        BookingStatus::Confirmed => Money::satang(0),
        BookingStatus::Refunded => booking.total,
    };
    let seats: Vec<String> = booking.seats.iter().map(|seat| seat.id.to_string()).collect();
    push_row(
        table,
        [
            booking.code.as_str(),
            booking.status.as_ref(),
            &booking.movie_title,
            &booking.hall_name,
            &local(booking.start_time),
            &found.customer_name,
            &found.customer_email,
            &seats.join(" "),
            &booking.total.to_decimal(),
            booking.total.currency.as_ref(),
            &local(booking.created_at),
            found.paid_by().as_ref().map_or("", AsRef::as_ref),
            booking.movie_title_th.as_deref().unwrap_or_default(),
            &refunded.to_decimal(),
        ],
    );
}
