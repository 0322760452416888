//! Times and seats as text without the formatting machinery: the answer to a lock is made of them.

use jiff::Timestamp;
use seatkeeper_core::{ids::SeatId, locks::Millis};
use serde::{Serialize, Serializer};

/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;
/// From 1970 to where the calendar of the rules ends, in the last days of 9999; nothing here lives that long.
const PLAIN_MS: std::ops::Range<i64> = 0..253_402_207_200_000;

/// An instant in milliseconds since 1970, written in RFC 3339.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuickTime(pub Millis);

impl Serialize for QuickTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !PLAIN_MS.contains(&self.0) {
            return Timestamp::from_millisecond(self.0).unwrap_or(Timestamp::MAX).serialize(serializer);
        }
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let (year, month, day) = civil_from_days(self.0 / DAY_MS);
        let in_day = self.0 % DAY_MS;
        write_digits(&mut text[0..4], year);
        write_digits(&mut text[5..7], month);
        write_digits(&mut text[8..10], day);
        write_digits(&mut text[11..13], in_day / 3_600_000);
        write_digits(&mut text[14..16], in_day / 60_000 % 60);
        write_digits(&mut text[17..19], in_day / 1_000 % 60);
        write_digits(&mut text[20..23], in_day % 1_000);
        serializer.serialize_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

/// The date of a day since 1970, by counting in eras of 400 years that begin in March, so that the leap day is the last.
const fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days / 146_097;
    let in_era = days % 146_097;
    let year_in_era = (in_era - in_era / 1_460 + in_era / 36_524 - in_era / 146_096) / 365;
    let in_year = in_era - (365 * year_in_era + year_in_era / 4 - year_in_era / 100);
    let month_from_march = (5 * in_year + 2) / 153;
    let day = in_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_in_era + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

fn write_digits(text: &mut [u8], mut number: i64) {
    for digit in text.iter_mut().rev() {
        *digit = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
    }
}

/// A seat's name.
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
    use proptest::prelude::*;

    use super::*;

    fn written(time: Millis) -> Timestamp {
        let text = serde_json::to_string(&QuickTime(time)).unwrap();
        text.trim_matches('"').parse().unwrap()
    }

    #[test]
    fn times_look_like_times() {
        assert_eq!(serde_json::to_string(&QuickTime(1_700_000_000_007)).unwrap(), "\"2023-11-14T22:13:20.007Z\"");
        for odd in [0, -1, 951_782_400_000, 4_107_542_399_999, PLAIN_MS.end - 1, PLAIN_MS.end, i64::MAX] {
            let meant = Timestamp::from_millisecond(odd).unwrap_or(Timestamp::MAX);
            assert_eq!(written(odd), meant, "{odd}");
        }
    }

    #[test]
    fn every_seat_is_written_as_it_is_read() {
        for row in ["A", "z", "BC", "ZZZ"] {
            for number in 1..=u8::MAX {
                let seat = SeatId::new(row, number).unwrap();
                assert_eq!(serde_json::to_string(&QuickSeat(seat)).unwrap(), format!("\"{seat}\""));
            }
        }
    }

    proptest! {
        #[test]
        fn every_time_is_the_one_that_was_meant(time in PLAIN_MS) {
            prop_assert_eq!(written(time), Timestamp::from_millisecond(time).unwrap());
        }
    }
}
