//! A booking: the sale of all seats of a payment.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use strum::{AsRefStr, EnumString, VariantNames};

use crate::{
    environment::Entropy,
    ids::{BookingId, MovieId, PaymentId, PersonId, ScreeningId},
    money::Money,
    payment::PricedSeat,
};

/// Letters that are not confused with digits when a code is read aloud.
const CODE_LETTERS: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZ";
/// The first letter of a code. Not E, and a letter follows: otherwise a spreadsheet would read some codes as numbers (`2E345678`)
/// or dates.
const CODE_LETTERS_FIRST: &[u8] = b"ABCDFGHJKLMNPQRSTUVWXYZ";
/// The characters of a code from the third on.
const CODE_ALPHABET: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
/// Length of a booking code: 23 × 24 × 32⁶ codes, about 6 × 10¹¹.
pub const BOOKING_CODE_CHARS: usize = 8;

/// The state of a booking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, AsRefStr, EnumString, VariantNames)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum BookingStatus {
    /// The tickets are valid.
    Confirmed,
    /// The money was refunded; the tickets are void.
    Refunded,
}

/// A sale, with copies of the names at that time: later changes of the programme do not change tickets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Booking {
    /// Id of the booking.
    pub id: BookingId,
    /// The code that the customer shows at the entrance.
    pub code: String,
    /// The booking's state.
    pub status: BookingStatus,
    /// The customer.
    pub person_id: PersonId,
    /// The payment of the booking.
    pub payment_id: PaymentId,
    /// The screening.
    pub screening_id: ScreeningId,
    /// The film.
    pub movie_id: MovieId,
    /// The film's title when the seats were sold.
    pub movie_title: String,
    /// Its Thai title when the seats were sold. None: it had none, or an earlier version of the program sold the seats.
    pub movie_title_th: Option<String>,
    /// The hall's name when the seats were sold.
    pub hall_name: String,
    /// Its Thai name when the seats were sold. None: it had none, or an earlier version of the program sold the seats.
    pub hall_name_th: Option<String>,
    /// The start of the screening.
    pub start_time: Timestamp,
    /// The seats, sorted; never empty.
    pub seats: Vec<PricedSeat>,
    /// The total price.
    pub total: Money,
    /// When the seats were sold.
    pub created_at: Timestamp,
}

/// Draws a random booking code. The store refuses a code that exists already; the caller then draws again.
#[must_use]
pub fn draw_code(entropy: &dyn Entropy) -> String {
    let mut random = [0u8; BOOKING_CODE_CHARS];
    entropy.fill(&mut random);
    let alphabets = [CODE_LETTERS_FIRST, CODE_LETTERS].into_iter().chain(std::iter::repeat(CODE_ALPHABET));
    let draw = |(byte, alphabet): (u8, &'static [u8])| char::from(alphabet[usize::from(byte) % alphabet.len()]);
    random.into_iter().zip(alphabets).map(draw).collect()
}
