//! Queries over bookings: a customer's own, and all of them for the administrator.

use async_trait::async_trait;
use jiff::Timestamp;

use super::{Backend, Page, PageRequest};
use crate::{
    booking::{Booking, BookingStatus},
    ids::{BookingId, MovieId, PersonId, ScreeningId},
    payment::PaymentMethod,
};

/// Selects bookings; all conditions must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BookingFilter {
    /// Of this film.
    pub movie_id: Option<MovieId>,
    /// Of this screening.
    pub screening_id: Option<ScreeningId>,
    /// Sold at or after the first time and before the second.
    pub sold: Option<(Timestamp, Timestamp)>,
    /// Shown at or after the first time and before the second.
    pub shown: Option<(Timestamp, Timestamp)>,
    /// Part of the customer's name or e-mail, or of the booking code; case ignored (Unicode), no wildcards.
    pub text: Option<String>,
    /// In this state.
    pub status: Option<BookingStatus>,
}

/// A booking with its customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomerBooking {
    /// The booking.
    pub booking: Booking,
    /// The customer's name now.
    pub customer_name: String,
    /// The customer's e-mail now.
    pub customer_email: String,
    /// The method that is stored with the booking's payment; [`CustomerBooking::paid_by`] is how it was paid.
    pub payment_method: PaymentMethod,
}

impl CustomerBooking {
    /// How the booking was paid; `None` when there was nothing to pay.
    #[must_use]
    pub fn paid_by(&self) -> Option<PaymentMethod> {
        (!self.booking.total.is_zero()).then_some(self.payment_method)
    }
}

/// Totals of the bookings that match a filter. Refunded bookings are not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SalesTotals {
    /// The number of bookings.
    pub bookings: u64,
    /// The number of seats; a pair counts as one.
    pub seats: u64,
    /// Revenue in satang.
    pub revenue: i64,
}

/// Sales of 15 minutes. Current time zones differ by multiples of 15 minutes, so days of any zone are sums of slices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SalesSlice {
    /// Its beginning: a multiple of 900 s since 1970.
    pub starts_at: Timestamp,
    /// Sales in it.
    pub totals: SalesTotals,
}

/// Sales of one film.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MovieSales {
    /// The film.
    pub movie_id: MovieId,
    /// Its current title, or that of the last sale if the film was deleted.
    pub movie_title: String,
    /// The Thai title, of the same source; None when that has none.
    pub movie_title_th: Option<String>,
    /// Sales in the requested time.
    pub totals: SalesTotals,
    /// Seats sold of its screenings *shown* in that time.
    pub shown_seats_sold: u64,
    /// Seats that these screenings offered for sale.
    pub shown_seats_offered: u64,
}

/// Queries over bookings.
#[async_trait]
pub trait Sales: Send + Sync {
    /// Finds a booking.
    async fn find_booking(&self, id: BookingId) -> Backend<Option<Booking>>;
    /// One person's bookings, newest first.
    async fn list_bookings_of(&self, person: PersonId, page: PageRequest) -> Backend<Page<Booking>>;
    /// The bookings that match, newest first.
    async fn list_bookings(&self, filter: &BookingFilter, page: PageRequest) -> Backend<Page<CustomerBooking>>;
    /// Totals of the bookings that match.
    async fn sum_bookings(&self, filter: &BookingFilter) -> Backend<SalesTotals>;
    /// The number of sold seats of each of these screenings, in the order of the argument, in one query. A pair counts as
    /// one; refunded seats are not sold.
    async fn count_sold(&self, screenings: &[ScreeningId]) -> Backend<Vec<u32>>;
    /// Sales from `from` to before `to`, in order of time, without empty slices.
    async fn list_sales(&self, from: Timestamp, to: Timestamp) -> Backend<Vec<SalesSlice>>;
    /// Sales by film from `from` to before `to`: films with sales or screenings in that time, greatest revenue first.
    async fn list_movie_sales(&self, from: Timestamp, to: Timestamp) -> Backend<Vec<MovieSales>>;
}
