//! Latencies of a load.

use std::time::Duration;

use hdrhistogram::Histogram;

use crate::outcome::Outcome;

/// Recorded times are exact to this many digits, in microseconds.
const SIGNIFICANT_DIGITS: u8 = 2;
/// Longest time that is told apart from longer ones, in microseconds: 10 minutes.
const TIME_US_MAX: u64 = 600_000_000;

/// Histogram of times; its size does not grow with their number.
#[derive(Clone, Debug)]
pub(super) struct Times(Histogram<u64>);

impl Times {
    pub(super) fn new() -> Outcome<Self> {
        Ok(Self(Histogram::new_with_max(TIME_US_MAX, SIGNIFICANT_DIGITS)?))
    }

    pub(super) fn add(&mut self, time: Duration) {
        self.0.saturating_record(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    }

    pub(super) fn merge(&mut self, other: &Self) -> Outcome<()> {
        Ok(self.0.add(&other.0)?)
    }

    pub(super) fn total(&self) -> u64 {
        self.0.len()
    }

    /// 0 when nothing was recorded.
    pub(super) fn percentile_ms(&self, percent: f64) -> f64 {
        self.0.value_at_percentile(percent) as f64 / 1_000.0
    }

    /// The line of the report.
    pub(super) fn line(&self) -> String {
        format!("latency       p50 {:.2} ms, p99 {:.2} ms", self.percentile_ms(50.0), self.percentile_ms(99.0))
    }
}
