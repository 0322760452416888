//! What the rules need from the world as arguments: the time and randomness.

use jiff::Timestamp;

/// The only source of the current time.
pub trait Clock: Send + Sync {
    /// The current time.
    fn now(&self) -> Timestamp;
}

/// Cryptographically secure randomness.
pub trait Entropy: Send + Sync {
    /// Fills `bytes`.
    fn fill(&self, bytes: &mut [u8]);
}
