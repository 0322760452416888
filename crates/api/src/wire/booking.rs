//! Bookings.

use jiff::Timestamp;
use seatkeeper_core::{
    booking::{self, BookingStatus},
    ids::{BookingId, ScreeningId, SeatId},
    money::Money,
    payment::PricedSeat,
    seating::SeatKind,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{BookingStatusShape, MoneyShape, SeatKindShape};

/// A booking: all of its seats or none. It keeps the titles of its day.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Booking {
    /// Its id.
    #[schema(value_type = String)]
    pub id: BookingId,
    /// What to show at the door.
    #[schema(example = "K7QX2M9P")]
    pub code: String,
    /// Whether it is good.
    #[schema(value_type = BookingStatusShape)]
    pub status: BookingStatus,
    /// The film.
    pub movie_title: String,
    /// Its title in Thai then, if it had one; null for bookings of earlier versions.
    #[schema(required = true)]
    pub movie_title_th: Option<String>,
    /// Where.
    pub hall_name: String,
    /// The hall's name in Thai then, if it had one; null for bookings of earlier versions.
    #[schema(required = true)]
    pub hall_name_th: Option<String>,
    /// The screening.
    #[schema(value_type = String)]
    pub screening_id: ScreeningId,
    /// The start.
    #[serde(with = "seatkeeper_core::time_text")]
    pub start_time: Timestamp,
    /// In order of seat.
    pub seats: Vec<BookedSeat>,
    /// The sum.
    #[schema(value_type = MoneyShape)]
    pub total: Money,
    /// When it was sold.
    #[serde(with = "seatkeeper_core::time_text")]
    pub created_at: Timestamp,
}

/// A sold seat.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BookedSeat {
    /// The seat.
    #[schema(value_type = String, example = "A1")]
    pub id: SeatId,
    /// What it is.
    #[schema(value_type = SeatKindShape)]
    pub kind: SeatKind,
    /// What it cost.
    #[schema(value_type = MoneyShape)]
    pub price: Money,
}

impl Booking {
    pub(crate) fn new(booking: booking::Booking) -> Self {
        let seat = |PricedSeat { id, kind, price }| BookedSeat { id, kind, price };
        Self {
            id: booking.id,
            code: booking.code,
            status: booking.status,
            movie_title: booking.movie_title,
            movie_title_th: booking.movie_title_th,
            hall_name: booking.hall_name,
            hall_name_th: booking.hall_name_th,
            screening_id: booking.screening_id,
            start_time: booking.start_time,
            seats: booking.seats.into_iter().map(seat).collect(),
            total: booking.total,
            created_at: booking.created_at,
        }
    }
}
