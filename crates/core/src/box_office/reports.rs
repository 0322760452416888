//! Queries over bookings. Days are those of the cinema's time zone.

use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};

use super::BoxOffice;
use crate::{
    booking::Booking,
    ids::{BookingId, PersonId},
    invalid::{Invalid, Rule},
    ports::{Backend, MovieSales, SalesTotals},
};

/// The longest span of a report, in days.
pub const REPORT_DAYS_MAX: i32 = 400;

/// Sales of one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DailySales {
    /// The day.
    pub date: Date,
    /// Sales on this day.
    pub totals: SalesTotals,
}

/// The instants at which the day `from` begins and the day `to` ends, in `zone`.
///
/// # Errors
/// The span is reversed, longer than [`REPORT_DAYS_MAX`], or outside of the calendar.
pub fn day_span(from: Date, to: Date, zone: &TimeZone) -> Result<(Timestamp, Timestamp), Invalid> {
    if to < from {
        return Err(Invalid::one("to", Rule::NotBefore { other: "from" }));
    }
    if (to - from).get_days() >= REPORT_DAYS_MAX {
        return Err(Invalid::one("to", Rule::DaysMax { max: REPORT_DAYS_MAX.into() }));
    }
    let start_of = |date: Date| date.to_zoned_datetime(zone.clone()).map(|zoned| zoned.timestamp());
    let after = to.checked_add(1.day()).and_then(start_of);
    match (start_of(from), after) {
        (Ok(start), Ok(end)) => Ok((start, end)),
        _ => Err(Invalid::one("from", Rule::Day {})),
    }
}

/// Sales of each day from `from` to `to`, both included, also days without sales.
///
/// # Errors
/// A call to the store failed.
pub async fn list_daily_sales(office: &BoxOffice, from: Date, to: Date) -> Backend<Result<Vec<DailySales>, Invalid>> {
    let zone = &office.settings.time_zone;
    let (start, end) = match day_span(from, to, zone) {
        Ok(span) => span,
        Err(invalid) => return Ok(Err(invalid)),
    };
    let mut days: Vec<DailySales> = from
        .series(1.day())
        .take_while(|date| *date <= to)
        .map(|date| DailySales { date, totals: SalesTotals::default() })
        .collect();
    for slice in office.stores.sales.list_sales(start, end).await? {
        // If the time zone's offset is not a multiple of 15 min, a slice of 15 min may span midnight. It counts for the
        // day in which it starts.
        let date = slice.starts_at.max(start).to_zoned_datetime(zone.clone()).date();
        if let Some(day) = days.iter_mut().find(|day| day.date == date) {
            day.totals.bookings += slice.totals.bookings;
            day.totals.seats += slice.totals.seats;
            day.totals.revenue += slice.totals.revenue;
        }
    }
    Ok(Ok(days))
}

/// Sales of each film from `from` to `to`, both included, greatest revenue first.
///
/// # Errors
/// A call to the store failed.
pub async fn list_movie_sales(office: &BoxOffice, from: Date, to: Date) -> Backend<Result<Vec<MovieSales>, Invalid>> {
    match day_span(from, to, &office.settings.time_zone) {
        Ok((start, end)) => office.stores.sales.list_movie_sales(start, end).await.map(Ok),
        Err(invalid) => Ok(Err(invalid)),
    }
}

/// The booking, if it belongs to the person.
///
/// # Errors
/// A call to the store failed.
pub async fn find_booking_of(office: &BoxOffice, person: PersonId, id: BookingId) -> Backend<Option<Booking>> {
    Ok(office.stores.sales.find_booking(id).await?.filter(|booking| booking.person_id == person))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn day_span_of_one_day_follows_the_cinemas_time_zone() {
        let bangkok = TimeZone::get("Asia/Bangkok").unwrap();
        let day: Date = "2026-11-23".parse().unwrap();
        let (start, end) = day_span(day, day, &bangkok).unwrap();
        assert_eq!(
            (start.to_string(), end.to_string()),
            ("2026-11-22T17:00:00Z".into(), "2026-11-23T17:00:00Z".into())
        );
    }

    #[test]
    fn day_span_is_refused_when_reversed_or_longer_than_400_days() {
        let zone = TimeZone::UTC;
        let day = |text: &str| text.parse::<Date>().unwrap();
        assert!(day_span(day("2026-01-02"), day("2026-01-01"), &zone).is_err());
        assert!(day_span(day("2026-01-01"), day("2027-02-04"), &zone).is_ok(), "400 days");
        assert!(day_span(day("2026-01-01"), day("2027-02-05"), &zone).is_err(), "401 days");
        assert!(day_span(day("9999-12-31"), day("9999-12-31"), &zone).is_err(), "the end of the calendar");
    }
}
