//! Best-effort calls: a failure is logged and otherwise ignored, because a later call or a worker repairs the effect.

use crate::ports::Backend;

/// Logs the failure of a best-effort call; `because` names what repeats or repairs its effect.
pub(super) fn best_effort<T>(result: Backend<T>, because: &'static str) {
    if let Err(error) = result {
        tracing::debug!(part = error.part, error = %error.source, because, "a best-effort call failed");
    }
}
