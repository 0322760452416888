//! The lock store in memory: the rules of [`seatkeeper_core::locks`], with one seat board per screening.
//!
//! Every change is appended to a small log with one `write`, without a sync, before it is published or answered. So
//! locks survive a kill -9, but not a power failure. A change that cannot be logged is undone, and the call fails.

mod log;
mod memory;
mod pending;
mod ports;
mod record;
#[cfg(test)]
mod tests;
mod watched_board;

pub use memory::{BOARD_IDLE_MS, BOARDS_MAX, LOG_REWRITE_BYTES, MemoryLocks};
pub use pending::RELEASES_WAITING_MAX;
pub use watched_board::{LIVE_BACKLOG_CHANGES_MAX, WATCHERS_MAX};

/// This adapter's name in errors and health checks.
pub(crate) const PART: &str = "locks";
