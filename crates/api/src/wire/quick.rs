//! Fast serialization of times and seats without `std::fmt`, because answers to seat locks are a hot path.

use seatkeeper_core::{ids::SeatId, locks::Millis, time_text::TimeText};
use serde::{Serialize, Serializer};

/// An instant in milliseconds since 1970, as the lock store gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuickTime(pub Millis);

impl Serialize for QuickTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        TimeText::of_ms(self.0).serialize(serializer)
    }
}

fn write_digits(text: &mut [u8], mut number: i64) {
    for digit in text.iter_mut().rev() {
        *digit = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
    }
}

/// A seat's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuickSeat(pub SeatId);

impl Serialize for QuickSeat {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (row, number) = (self.0.row().as_bytes(), self.0.number());
        let mut text = [0u8; 6];
        text[..row.len()].copy_from_slice(row);
        let digits = if number >= 100 {
            3
        } else if number >= 10 {
            2
        } else {
            1
        };
        let length = row.len() + digits;
        write_digits(&mut text[row.len()..length], i64::from(number));
        serializer.serialize_str(std::str::from_utf8(&text[..length]).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serialized_quick_seat_equals_its_display() {
        for row in ["A", "z", "BC", "ZZZ"] {
            for number in 1..=u8::MAX {
                let seat = SeatId::new(row, number).unwrap();
                assert_eq!(serde_json::to_string(&QuickSeat(seat)).unwrap(), format!("\"{seat}\""));
            }
        }
    }
}
