//! The system clock and random generator.

use jiff::Timestamp;
use rand::RngCore;
use seatkeeper_core::ports::{Clock, Entropy};

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the only reader of the clock, behind the port")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// A cryptographically secure random generator, seeded by the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        rand::rng().fill_bytes(bytes);
    }
}
