//! Another machine's clock, learnt from its answers and this machine's steady clock; never from its wall clock.

use std::time::Instant;

/// Time that only goes forward, in milliseconds since this was made.
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

    /// By how much another clock is ahead of this one, when it was `known` before and has made the answer `said_ms` between
    /// `sent` and `heard`: moved only as far as the answer proves it wrong.
    pub(crate) fn learnt(&self, known: i64, sent: Instant, heard: Instant, said_ms: i64) -> i64 {
        // A millisecond each way, because all three are cut to whole ones.
        let least = said_ms - self.ms(heard) - 1;
        let most = said_ms - self.ms(sent) + 1;
        known.clamp(least.min(most), most)
    }

    #[cfg(test)]
    pub(crate) fn after_ms(&self, ms: u64) -> Instant {
        self.started + std::time::Duration::from_millis(ms)
    }
}
