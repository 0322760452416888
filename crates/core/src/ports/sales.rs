//! Reading bookings: the customer's own, and the administrator's view of all.

use async_trait::async_trait;
use jiff::Timestamp;

use super::{Backend, Page, PageRequest};
use crate::{
    booking::{Booking, BookingStatus},
    ids::{BookingId, MovieId, PersonId, ScreeningId},
};

/// Which bookings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BookingFilter {
    /// Of this film.
    pub movie_id: Option<MovieId>,
    /// Of this screening.
    pub screening_id: Option<ScreeningId>,
    /// Sold at or after, and before.
    pub sold: Option<(Timestamp, Timestamp)>,
    /// Shown at or after, and before.
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
}

/// Numbers of a selection; refunded bookings are left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SalesTotals {
    /// Bookings.
    pub bookings: u64,
    /// Seats (a pair is one).
    pub seats: u64,
    /// Satang.
    pub revenue: i64,
}

/// Sales of one quarter of an hour; zones of the world differ by whole ones, so days of any zone add up from these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SalesSlice {
    /// Its beginning: a multiple of 900 s since 1970.
    pub starts_at: Timestamp,
    /// What was sold in it.
    pub totals: SalesTotals,
}

/// Sales of one film.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MovieSales {
    /// The film.
    pub movie_id: MovieId,
    /// Its title now, or of the last sale when it is gone.
    pub movie_title: String,
    /// What was sold in the time asked for.
    pub totals: SalesTotals,
    /// Seats sold of its screenings *shown* in that time.
    pub shown_seats_sold: u64,
    /// Seats for sale in them.
    pub shown_seats_offered: u64,
}

/// Bookings, read.
#[async_trait]
pub trait Sales: Send + Sync {
    /// A booking.
    async fn find_booking(&self, id: BookingId) -> Backend<Option<Booking>>;
    /// One person's, newest first.
    async fn list_bookings_of(&self, person: PersonId, page: PageRequest) -> Backend<Page<Booking>>;
    /// Everybody's that fit, newest first.
    async fn list_bookings(&self, filter: &BookingFilter, page: PageRequest) -> Backend<Page<CustomerBooking>>;
    /// Numbers of all that fit.
    async fn sum_bookings(&self, filter: &BookingFilter) -> Backend<SalesTotals>;
    /// Sales from `from` to before `to`, in order of time, empty slices left out.
    async fn list_sales(&self, from: Timestamp, to: Timestamp) -> Backend<Vec<SalesSlice>>;
    /// Sales by film from `from` to before `to`: films with sales or screenings in that time, greatest revenue first.
    async fn list_movie_sales(&self, from: Timestamp, to: Timestamp) -> Backend<Vec<MovieSales>>;
}
