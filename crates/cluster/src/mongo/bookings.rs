//! Conversions of bookings to and from documents.

use jiff::{Timestamp, fmt::serde::timestamp::millisecond};
use mongodb::bson::doc;
use seatkeeper_core::{
    booking::{Booking, BookingStatus},
    ids::{BookingId, MovieId, PaymentId, PersonId, ScreeningId},
    money::Money,
    payment::PricedSeat,
};
use serde::{Deserialize, Serialize};

use super::{conn::Conn, documents::by_id, fault::Fault, schema::BOOKINGS};

#[derive(Serialize, Deserialize)]
#[serde(remote = "Booking")]
struct Fields {
    #[serde(rename = "_id")]
    id: BookingId,
    code: String,
    status: BookingStatus,
    person_id: PersonId,
    payment_id: PaymentId,
    screening_id: ScreeningId,
    movie_id: MovieId,
    movie_title: String,
    /// Missing in bookings of earlier versions.
    #[serde(default)]
    movie_title_th: Option<String>,
    hall_name: String,
    /// Missing in bookings of earlier versions.
    #[serde(default)]
    hall_name_th: Option<String>,
    #[serde(with = "millisecond::required")]
    start_time: Timestamp,
    seats: Vec<PricedSeat>,
    total: Money,
    #[serde(with = "millisecond::required")]
    created_at: Timestamp,
}

/// A booking as it is read from its document.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct BookingDocument(#[serde(with = "Fields")] pub(super) Booking);

/// A booking as it is first written.
#[derive(Serialize)]
struct New<'a> {
    #[serde(flatten, with = "Fields")]
    booking: &'a Booking,
    /// Stored for reports, which sum it in aggregations.
    seat_count: i64,
}

pub(super) async fn find_booking(conn: &mut Conn, id: BookingId) -> Result<Option<Booking>, Fault> {
    Ok(conn.find::<BookingDocument>(BOOKINGS, by_id(id)).await?.map(|document| document.0))
}

/// Inserts a new booking. Returns false when another booking already has its code.
pub(super) async fn insert(conn: &mut Conn, booking: &Booking) -> Result<bool, Fault> {
    // A duplicate key would abort the transaction, so the code is looked up first. When another writer inserts the same
    // code after the lookup, the transaction is retried.
    if conn.exists(BOOKINGS, doc! { "code": &booking.code }).await? {
        return Ok(false);
    }
    let seat_count = i64::try_from(booking.seats.len()).unwrap_or(i64::MAX);
    conn.insert(BOOKINGS, &New { booking, seat_count }).await?;
    Ok(true)
}

/// Marks a booking as refunded.
pub(super) async fn set_refunded(conn: &mut Conn, id: BookingId) -> Result<(), Fault> {
    let refunded = doc! { "$set": { "status": BookingStatus::Refunded.as_ref() } };
    conn.update(BOOKINGS, by_id(id), refunded).await?;
    Ok(())
}
