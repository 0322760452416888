//! Best-effort calls: a failure is logged and otherwise ignored, because a later call or a worker repairs the effect.

use crate::ports::Backend;

/// Logs the failure of a best-effort call; `because` names what repeats or repairs its effect. Returns whether the call
/// succeeded.
pub(super) fn best_effort<T>(result: Backend<T>, because: &'static str) -> bool {
    match result {
        Ok(_) => true,
        Err(error) => {
            tracing::warn!(part = error.part, error = %error.source, because, "a best-effort call failed");
            false
        }
    }
}
