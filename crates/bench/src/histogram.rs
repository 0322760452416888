//! Latency histogram with logarithmic buckets: its size is constant (a few kilobytes), however many times are recorded.

use std::time::Duration;

/// Linear buckets per doubling, so that a time is known to 1/64 of itself.
const STEPS: u64 = 64;
const STEPS_LOG2: u32 = STEPS.trailing_zeros();
/// Number of buckets; the last one holds every time over half an hour.
const BUCKETS: usize = 26 * STEPS as usize;

/// Counts of recorded times, in microseconds.
#[derive(Clone, Debug)]
pub(super) struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; BUCKETS], total: 0 }
    }
}

impl Histogram {
    pub(super) fn add(&mut self, time: Duration) {
        let us = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.counts[bucket_of(us)] += 1;
        self.total += 1;
    }

    pub(super) fn merge(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.total += other.total;
    }

    pub(super) const fn total(&self) -> u64 {
        self.total
    }

    /// The percentile in milliseconds, rounded down to its bucket's lower bound; 0 when nothing was recorded.
    pub(super) fn percentile_ms(&self, percent: u64) -> f64 {
        let rank = (self.total * percent).div_ceil(100);
        let mut seen = 0;
        let reaches = |count: &u64| {
            seen += count;
            seen >= rank && rank > 0
        };
        self.counts.iter().position(reaches).map_or(0.0, |bucket| least_us(bucket) as f64 / 1_000.0)
    }
}

/// Below 64 µs each bucket is one microsecond wide; above, each doubling has 64 buckets.
fn bucket_of(us: u64) -> usize {
    let doublings = us.max(1).ilog2().saturating_sub(STEPS_LOG2);
    let bucket = u64::from(doublings) * STEPS + (us >> doublings);
    usize::try_from(bucket).map_or(BUCKETS - 1, |bucket| bucket.min(BUCKETS - 1))
}

/// Lower bound of a bucket, in microseconds.
fn least_us(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    let doublings = (bucket / STEPS).saturating_sub(1);
    (bucket - doublings * STEPS) << doublings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bucket_lower_bound_is_within_a_64th_of_the_time() {
        for us in (0..5_000).chain([9_999, 65_535, 65_536, 1_000_000, 29 * 60 * 1_000_000]) {
            let least = least_us(bucket_of(us));
            assert!(least <= us && us - least <= us / STEPS, "{us} is in the bucket of {least}");
        }
        assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn percentiles_of_merged_histograms_are_recorded_times() {
        let mut all = Histogram::default();
        assert_eq!(all.percentile_ms(50), 0.0);
        for ms in 1..=50 {
            all.add(Duration::from_millis(ms));
        }
        let mut more = Histogram::default();
        for ms in 51..=100 {
            more.add(Duration::from_millis(ms));
        }
        all.merge(&more);
        assert_eq!(all.total(), 100);
        for (percent, ms) in [(1, 1.0), (50, 50.0), (99, 99.0), (100, 100.0)] {
            let found = all.percentile_ms(percent);
            assert!((ms * 0.98..=ms).contains(&found), "p{percent}: {found}");
        }
    }
}
