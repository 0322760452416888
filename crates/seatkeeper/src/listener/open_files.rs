//! Raises the limit of open files of the process.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::permits::CONNECTIONS_MAX;

/// Number of files that the server needs besides its client connections (store, data files, lock log, mails), with room
/// to spare.
const OWN_FILES: u64 = 512;

/// Raises the soft limit to what the server needs, as far as the system allows. The usual default of 1,024 is below the
/// connection limit: if viewers used all of it, the store could not open its own files.
pub(super) fn raise_limit() {
    let needed = CONNECTIONS_MAX as u64 + OWN_FILES;
    let limit = getrlimit(Resource::Nofile);
    let allowed = limit.maximum.unwrap_or(u64::MAX);
    if limit.current.is_none_or(|current| current >= needed) {
        return;
    }
    let raised = Rlimit { current: Some(needed.min(allowed)), maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "the limit of open files could not be raised; it stays unchanged");
    } else if allowed < needed {
        tracing::warn!(allowed, needed, "the hard limit of open files is lower than the connection limit needs");
    }
}
