//! A booking: all of its seats or none.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    ids::{BookingId, MovieId, PaymentId, PersonId, ScreeningId},
    money::Money,
    payment::PricedSeat,
    ports::Entropy,
};

/// Letters and digits that nobody confuses when reading a code aloud.
const CODE_ALPHABET: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
/// Length of a booking code: 32⁸ codes, about 10¹².
pub const BOOKING_CODE_CHARS: usize = 8;

/// Whether the tickets are good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum BookingStatus {
    /// They are.
    Confirmed,
    /// The money went back.
    Refunded,
}

impl BookingStatus {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Confirmed, Self::Refunded];

    /// Its name on the wire and in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Confirmed => "CONFIRMED",
            Self::Refunded => "REFUNDED",
        }
    }

    /// The status of this name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

/// A sale, with the titles of its day: later changes of the programme do not rewrite tickets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Booking {
    /// Its id.
    pub id: BookingId,
    /// What the customer shows at the door.
    pub code: String,
    /// Whether it is good.
    pub status: BookingStatus,
    /// Whose.
    pub person_id: PersonId,
    /// Paid with.
    pub payment_id: PaymentId,
    /// Where.
    pub screening_id: ScreeningId,
    /// The film.
    pub movie_id: MovieId,
    /// Its title on the day of sale.
    pub movie_title: String,
    /// The hall's name on the day of sale.
    pub hall_name: String,
    /// The start of the show.
    pub start_time: Timestamp,
    /// In order of seat; never empty.
    pub seats: Vec<PricedSeat>,
    /// The sum.
    pub total: Money,
    /// When it was sold.
    pub created_at: Timestamp,
}

/// A new booking code. The store refuses a code twice; then another is drawn.
#[must_use]
pub fn draw_code(entropy: &dyn Entropy) -> String {
    let mut random = [0u8; BOOKING_CODE_CHARS];
    entropy.fill(&mut random);
    random.iter().map(|byte| char::from(CODE_ALPHABET[usize::from(byte % 32)])).collect()
}
