//! Calls whose failure changes nothing, because something else repeats or repairs what they do.

use crate::ports::Backend;

/// Logs a failure of a call that need not succeed; `because` says who repeats or repairs it.
pub(super) fn best_effort<T>(result: Backend<T>, because: &'static str) {
    if let Err(error) = result {
        tracing::debug!(part = error.part, error = %error.source, because, "a best-effort call failed");
    }
}
