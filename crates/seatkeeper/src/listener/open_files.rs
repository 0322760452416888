//! How many files and connections the system lets this process have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::places::CONNECTIONS_MAX;

/// The store's connections, its files, the lock log, the mail that is being written, with room to spare.
const OWN_FILES: u64 = 512;

/// Raises the limit as far as the system lets us: many start programs with 1,024, which is fewer than a full house of
/// viewers, and then not even the store could open its files.
pub(super) fn raise_limit() {
    let needed = CONNECTIONS_MAX as u64 + OWN_FILES;
    let limit = getrlimit(Resource::Nofile);
    let allowed = limit.maximum.unwrap_or(u64::MAX);
    if limit.current.is_none_or(|current| current >= needed) {
        return;
    }
    let raised = Rlimit { current: Some(needed.min(allowed)), maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "the limit of open files stays as it is");
    } else if allowed < needed {
        tracing::warn!(allowed, needed, "the system allows fewer open files than a full house needs");
    }
}
