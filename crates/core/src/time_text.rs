//! The only text format of an instant: RFC 3339 in UTC with three digits of a second, or with none when they are 0.
//!
//! HTTP answers, live frames, events and CSV all use it, so that the same instant is the same text everywhere and can
//! be compared as text. A field of a type that derives `Serialize` is marked
//! `#[serde(with = "seatkeeper_core::time_text")]`; a house rule finds the fields that are not. Any RFC 3339 text can
//! be read, because older events have other formats.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Milliseconds per day.
const DAY_MS: i64 = 86_400_000;
/// 0000-01-01T00:00:00Z in milliseconds since 1970. RFC 3339 has no earlier year, so earlier instants are clamped to
/// this instant.
const FIRST_MS: i64 = -62_167_219_200_000;
/// Length in bytes of a text with milliseconds.
const BYTES_MAX: usize = 24;
/// Bytes before the fraction of a second.
const SECONDS_BYTES: usize = 19;

/// An instant as text. It is formatted by hand and without allocation, because the response to a lock request is mostly
/// times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeText {
    bytes: [u8; BYTES_MAX],
    length: usize,
}

impl TimeText {
    /// The text of `time`, truncated to milliseconds.
    #[must_use]
    pub fn of(time: Timestamp) -> Self {
        Self::of_ms(time.as_millisecond())
    }

    /// The text of an instant in milliseconds since 1970, clamped to the calendar's range.
    #[must_use]
    pub fn of_ms(ms: i64) -> Self {
        let ms = ms.clamp(FIRST_MS, Timestamp::MAX.as_millisecond());
        let (day, in_day) = (ms.div_euclid(DAY_MS), ms.rem_euclid(DAY_MS));
        let (year, month, day) = civil_from_days(day);
        let mut bytes = *b"0000-00-00T00:00:00.000Z";
        write_digits(&mut bytes[0..4], year);
        write_digits(&mut bytes[5..7], month);
        write_digits(&mut bytes[8..10], day);
        write_digits(&mut bytes[11..13], in_day / 3_600_000);
        write_digits(&mut bytes[14..16], in_day / 60_000 % 60);
        write_digits(&mut bytes[17..19], in_day / 1_000 % 60);
        let fraction = in_day % 1_000;
        if fraction == 0 {
            bytes[SECONDS_BYTES] = b'Z';
            return Self { bytes, length: SECONDS_BYTES + 1 };
        }
        write_digits(&mut bytes[20..23], fraction);
        Self { bytes, length: BYTES_MAX }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }
}

impl fmt::Display for TimeText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for TimeText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Writes a field of type [`Timestamp`], for `#[serde(with = …)]`.
///
/// # Errors
/// The serializer failed.
pub fn serialize<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    TimeText::of(*time).serialize(serializer)
}

/// Reads a field of type [`Timestamp`], for `#[serde(with = …)]`: any RFC 3339 text.
///
/// # Errors
/// The field is not an RFC 3339 time.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    Timestamp::deserialize(deserializer)
}

/// The year, month and day of a day since 1970. Counts in eras of 400 years that begin in March, so that the leap day
/// is the last day of a year.
const fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let in_era = days.rem_euclid(146_097);
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

#[cfg(test)]
mod tests {
    use jiff::fmt::temporal::DateTimePrinter;
    use proptest::prelude::*;

    use super::*;

    /// The expected text, formatted by jiff, which is slower.
    fn by_jiff(ms: i64) -> String {
        let digits = if ms % 1_000 == 0 { 0 } else { 3 };
        let time = Timestamp::from_millisecond(ms).unwrap();
        DateTimePrinter::new().precision(Some(digits)).timestamp_to_string(&time)
    }

    #[test]
    fn fraction_of_a_second_has_three_digits_or_is_absent() {
        let text = |ms| TimeText::of_ms(ms).to_string();
        assert_eq!(text(1_700_000_000_007), "2023-11-14T22:13:20.007Z");
        assert_eq!(text(1_700_000_000_240), "2023-11-14T22:13:20.240Z");
        assert_eq!(text(1_700_000_000_900), "2023-11-14T22:13:20.900Z");
        assert_eq!(text(1_700_000_000_000), "2023-11-14T22:13:20Z");
        assert_eq!(text(0), "1970-01-01T00:00:00Z");
        assert_eq!(text(-1), "1969-12-31T23:59:59.999Z");
        assert_eq!(text(951_782_400_000), "2000-02-29T00:00:00Z");
        assert_eq!(TimeText::of("2026-11-30T01:02:03.1239Z".parse().unwrap()).as_str(), "2026-11-30T01:02:03.123Z");
    }

    #[test]
    fn instant_outside_of_the_calendar_is_clamped_to_its_first_or_last() {
        for (ms, text) in [
            (FIRST_MS, "0000-01-01T00:00:00Z"),
            (FIRST_MS - 1, "0000-01-01T00:00:00Z"),
            (i64::MIN, "0000-01-01T00:00:00Z"),
            (i64::MAX, "9999-12-30T22:00:00.999Z"),
        ] {
            assert_eq!(TimeText::of_ms(ms).as_str(), text);
        }
    }

    #[test]
    fn time_field_is_written_in_one_format_and_read_from_any_rfc_3339_text() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Fields {
            #[serde(with = "crate::time_text")]
            at: Timestamp,
        }
        let read = |text: &str| serde_json::from_str::<Fields>(&format!(r#"{{"at":"{text}"}}"#)).unwrap();
        for old in ["2026-11-30T01:02:03.24Z", "2026-11-30T01:02:03.240Z", "2026-11-30T08:02:03.240000+07:00"] {
            assert_eq!(serde_json::to_string(&read(old)).unwrap(), r#"{"at":"2026-11-30T01:02:03.240Z"}"#);
        }
        assert_eq!(
            serde_json::to_string(&read("2026-11-30T01:02:03.000Z")).unwrap(),
            r#"{"at":"2026-11-30T01:02:03Z"}"#
        );
    }

    proptest! {
        #[test]
        fn every_instant_is_formatted_as_by_jiff_and_parses_back(
            ms in FIRST_MS..Timestamp::MAX.as_millisecond(),
            coarse in prop::sample::select(vec![1_i64, 10, 100, 1_000]),
        ) {
            let ms = ms / coarse * coarse;
            let text = TimeText::of_ms(ms);
            prop_assert_eq!(text.as_str(), by_jiff(ms));
            prop_assert_eq!(text.as_str().parse::<Timestamp>().unwrap().as_millisecond(), ms);
        }
    }
}
