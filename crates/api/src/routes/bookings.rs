//! My bookings.

use axum::{Json, extract::State};
use seatkeeper_core::{box_office, ids::BookingId};

use crate::{
    auth::SignedIn,
    error::{ApiResult, ErrorCode},
    extract::{PageParams, PageQuery, PathId},
    state::App,
    wire::{Booking, List},
};

/// My bookings, newest first
#[utoipa::path(get, path = "/api/bookings", tag = "Bookings", security(("session" = [])), params(PageParams),
    responses((status = 200, body = List<Booking>)))]
pub(crate) async fn list_bookings(
    State(app): State<App>,
    SignedIn(person): SignedIn,
    PageQuery(page): PageQuery,
) -> ApiResult<Json<List<Booking>>> {
    let bookings = app.office.stores.sales.list_bookings_of(person.id, page).await?;
    Ok(Json(List::of(bookings, Booking::new)))
}

/// A booking of mine
#[utoipa::path(get, path = "/api/bookings/{id}", tag = "Bookings", security(("session" = [])), params(("id" = String, Path)),
    responses((status = 200, body = Booking), (status = 404, description = "`booking_not_found`")))]
pub(crate) async fn get_booking(
    State(app): State<App>,
    SignedIn(person): SignedIn,
    id: PathId,
) -> ApiResult<Json<Booking>> {
    let id = id.parse(BookingId::parse, ErrorCode::BookingNotFound)?;
    let booking = box_office::find_booking_of(&app.office, person.id, id).await?;
    Ok(Json(Booking::new(booking.ok_or(ErrorCode::BookingNotFound)?)))
}
