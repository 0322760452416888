//! Estimates another server's clock from its replies and the local monotonic clock; the local wall clock is never used.

use std::time::Instant;

/// A monotonic clock in milliseconds since its creation.
#[derive(Debug)]
pub(crate) struct Steady {
    started: Instant,
}

impl Steady {
    pub(crate) fn new() -> Self {
        Self { started: Instant::now() }
    }

    pub(crate) fn ms(&self, at: Instant) -> i64 {
        i64::try_from(at.saturating_duration_since(self.started).as_millis()).unwrap_or(i64::MAX)
    }

    /// Updates the estimated offset of another clock, in milliseconds. `known` is the old estimate; the other clock
    /// showed `said_ms` at some moment between `sent` and `heard`. The estimate is changed only as far as this reply
    /// contradicts it.
    pub(crate) fn learnt(&self, known: i64, sent: Instant, heard: Instant, said_ms: i64) -> i64 {
        // One millisecond of tolerance each way, because all three times are truncated to milliseconds.
        let least = said_ms - self.ms(heard) - 1;
        let most = said_ms - self.ms(sent) + 1;
        known.clamp(least.min(most), most)
    }

    #[cfg(test)]
    pub(crate) fn after_ms(&self, ms: u64) -> Instant {
        self.started + std::time::Duration::from_millis(ms)
    }
}
