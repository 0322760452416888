//! Seat locks in memory: the rules of [`seatkeeper_core::locks`] as they stand, one board for each screening.
//!
//! Every change is appended to a small log with one `write`, not synced, before it is told or answered: locks survive a
//! kill -9, not a power cut. What cannot be written down does not happen.

mod log;
mod memory;
mod pending;
mod ports;
mod record;
mod room;
#[cfg(test)]
mod tests;

pub use memory::{BOARD_IDLE_MS, BOARDS_MAX, LOG_REWRITE_BYTES, MemoryLocks};
pub use pending::RELEASES_WAITING_MAX;
pub use room::{LIVE_BACKLOG_CHANGES_MAX, WATCHERS_MAX};

/// The part's name in errors and health answers.
pub(crate) const PART: &str = "locks";
