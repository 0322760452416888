//! How long callers and workers pause before they try again.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::ports::{MAIL_WAIT_MAX, MailAttempt};

/// How long the answer to a confirmation waits for the provider's outcome, before it reports the outcome as unknown.
pub const OUTCOME_WITHIN: Duration = Duration::from_secs(5);
/// Interval at which the provider is queried for the outcome during that wait.
pub const OUTCOME_POLLED_EVERY: Duration = Duration::from_millis(250);
/// How long after it was stored a mail is retried; then it becomes FAILED.
pub const MAIL_TRIES_FOR_MAX: SignedDuration = SignedDuration::from_hours(48);
const MAIL_FIRST_PAUSE: SignedDuration = SignedDuration::from_secs(5);
const MAIL_PAUSE_MAX: SignedDuration = MAIL_WAIT_MAX;

/// What follows a failed attempt to send a mail: a retry with exponential backoff from 5 s to 15 min, for 48 h. A
/// permanent refusal fails the mail at once.
#[must_use]
pub fn next_mail_attempt(
    filed_at: Timestamp,
    attempts_before: u32,
    now: Timestamp,
    is_permanent: bool,
    error: String,
) -> MailAttempt {
    let is_too_old = now.duration_since(filed_at) >= MAIL_TRIES_FOR_MAX;
    if is_permanent || is_too_old {
        return MailAttempt::Failed { error };
    }
    let pause = MAIL_FIRST_PAUSE.saturating_mul(1 << attempts_before.min(12)).min(MAIL_PAUSE_MAX);
    MailAttempt::Later { due_at: now.saturating_add(pause).unwrap_or(now), error }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_retry_backs_off_to_15_minutes_and_fails_after_48_hours() {
        let t = |s| Timestamp::from_second(s).unwrap();
        let pause = |attempts| match next_mail_attempt(t(0), attempts, t(100), false, String::new()) {
            MailAttempt::Later { due_at, .. } => due_at.as_second() - 100,
            other @ (MailAttempt::Sent | MailAttempt::Failed { .. }) => panic!("{other:?}"),
        };
        assert_eq!([0, 1, 2, 7, 8, 99].map(pause), [5, 10, 20, 640, 900, 900]);
        let late = next_mail_attempt(t(0), 3, t(48 * 3600), false, "x".into());
        assert_eq!(late, MailAttempt::Failed { error: "x".into() });
        let refused = next_mail_attempt(t(0), 0, t(1), true, "550".into());
        assert_eq!(refused, MailAttempt::Failed { error: "550".into() });
    }
}
