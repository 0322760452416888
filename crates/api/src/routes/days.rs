//! Filters by day.

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use seatkeeper_core::{box_office::day_span, invalid::Rule};

use crate::error::{ApiError, ApiResult};

/// The beginning of the day `from` and the end of the day `to`, for filters by two query parameters of these names, each of which
/// may be missing. Unlike the days of a report, they may span any time.
pub(super) fn open_span(
    from: Option<Date>,
    to: Option<Date>,
    zone: &TimeZone,
) -> ApiResult<(Option<Timestamp>, Option<Timestamp>)> {
    let day = |field: &str, date: Option<Date>| {
        let span = date.map(|date| day_span(date, date, zone));
        span.transpose().map_err(|_| ApiError::invalid(field, Rule::Day {}))
    };
    let (start, end) = (day("from", from)?.map(|day| day.0), day("to", to)?.map(|day| day.1));
    if from.zip(to).is_some_and(|(from, to)| to < from) {
        return Err(ApiError::invalid("to", Rule::NotBefore { other: "from" }));
    }
    Ok((start, end))
}
