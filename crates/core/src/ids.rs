//! Identifiers. Each is its own type, so that a payment's id cannot be used as a booking's.
//!
//! Outside of the process every id is an opaque string. A malformed id is treated like the id of a record that does not
//! exist, so parsing returns an `Option`, never an error.

use std::{cmp::Ordering, fmt};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::environment::Entropy;

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new id (UUID version 7). Ids sort by their time of creation.
            #[must_use]
            pub fn generate(now: jiff::Timestamp, entropy: &dyn Entropy) -> Self {
                Self(uuid_v7(now, entropy))
            }

            /// Parses an id; `None` if `text` is not a UUID.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                Uuid::try_parse(text).ok().map(Self)
            }

            /// Makes an id of a UUID.
            #[must_use]
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The id as a UUID, as adapters store it.
            #[must_use]
            pub const fn as_uuid(&self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
    };
}

id_type!(
    /// A film.
    MovieId
);
id_type!(
    /// A hall (an auditorium).
    HallId
);
id_type!(
    /// One showing of a film in a hall at a start time.
    ScreeningId
);
id_type!(
    /// A person (user account).
    PersonId
);
id_type!(
    /// One attempt to pay for the seats of one hold.
    PaymentId
);
id_type!(
    /// A sale of seats.
    BookingId
);
id_type!(
    /// An event; the same on redelivery.
    EventId
);
id_type!(
    /// A confirmation mail.
    MailId
);
id_type!(
    /// An event that a consumer could not handle.
    DeadLetterId
);
id_type!(
    /// A poster of a film.
    PosterId
);

fn uuid_v7(now: jiff::Timestamp, entropy: &dyn Entropy) -> Uuid {
    let mut random = [0u8; 10];
    entropy.fill(&mut random);
    let millis = u64::try_from(now.as_millisecond()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}

/// The longest label of a row, in letters.
pub const ROW_LABEL_LETTERS_MAX: usize = 3;

/// A seat's name within its hall: the row's label and the seat's number, `"A1"`.
///
/// Stored in four bytes, so that seat maps stay small and refusing a lock needs no allocation.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SeatId {
    row: [u8; ROW_LABEL_LETTERS_MAX],
    number: u8,
}

/// Compares the row's label, then the number. One integer comparison, because every lock request searches the seat map.
impl Ord for SeatId {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank().cmp(&other.rank())
    }
}

impl PartialOrd for SeatId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl SeatId {
    const fn rank(self) -> u32 {
        let [first, second, third] = self.row;
        u32::from_be_bytes([first, second, third, self.number])
    }

    /// The seat `number` of the row `label`: 1–3 ASCII letters and a number from 1.
    #[must_use]
    pub fn new(label: &str, number: u8) -> Option<Self> {
        let bytes = label.as_bytes();
        let fits = (1..=ROW_LABEL_LETTERS_MAX).contains(&bytes.len());
        if !fits || number == 0 || !bytes.iter().all(u8::is_ascii_alphabetic) {
            return None;
        }
        let mut row = [0; ROW_LABEL_LETTERS_MAX];
        row[..bytes.len()].copy_from_slice(bytes);
        Some(Self { row, number })
    }

    /// Parses a seat's name. Each seat has one spelling: `"A1"`, never `"A01"`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let split = text.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (label, digits) = text.split_at(split);
        if digits.starts_with(['0', '+']) {
            return None;
        }
        Self::new(label, digits.parse().ok()?)
    }

    /// The row's label.
    #[must_use]
    pub fn row(&self) -> &str {
        let len = self.row.iter().position(|b| *b == 0).unwrap_or(ROW_LABEL_LETTERS_MAX);
        std::str::from_utf8(&self.row[..len]).unwrap_or_default()
    }

    /// The number within the row, from 1.
    #[must_use]
    pub const fn number(&self) -> u8 {
        self.number
    }
}

impl fmt::Display for SeatId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.row(), self.number)
    }
}

impl fmt::Debug for SeatId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for SeatId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SeatId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not a seat's name, such as A1"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_of_a_seat_is_parsed_in_one_spelling_only() {
        for good in ["A1", "ZZZ100", "b7"] {
            assert_eq!(SeatId::parse(good).map(|s| s.to_string()).as_deref(), Some(good));
        }
        for bad in ["", "A", "1", "A0", "A01", "A+1", "ABCD1", "A256", "A1 ", "é1", "A-1", "A1A"] {
            assert_eq!(SeatId::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn seats_sort_by_row_and_number() {
        let sorted =
            ["A", "AA", "AZ", "B", "BA", "a"].map(|row| [1, 2, 9, 10, 255].map(|n| SeatId::new(row, n).unwrap()));
        let sorted = sorted.as_flattened();
        assert!(sorted.is_sorted() && sorted.windows(2).all(|two| two[0] < two[1]));
    }

    #[test]
    fn id_round_trips_through_text() {
        let id = ScreeningId::from_uuid(Uuid::from_u128(7));
        assert_eq!(ScreeningId::parse(&id.to_string()), Some(id));
        assert_eq!(ScreeningId::parse("A1"), None);
    }
}
