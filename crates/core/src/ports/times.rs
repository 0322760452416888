//! Times in the store after its clock was set back.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use super::Backend;

/// How long a relay's lease lasts.
pub const RELAY_LEASE_MAX: SignedDuration = SignedDuration::from_secs(10);
/// How long the lease of a call with an idempotency key lasts.
pub const RESERVATION_LEASE_MAX: SignedDuration = SignedDuration::from_secs(30);
/// The longest time until a pending mail is due: the longest pause after a failure, and longer than a sender's lease.
pub const MAIL_WAIT_MAX: SignedDuration = SignedDuration::from_mins(15);

/// Times in the store that would last too long after the clock was set back.
#[async_trait]
pub trait StoredTimes: Send + Sync {
    /// Shortens everything that would last longer than it may, as seen at `now`:
    ///
    /// - a PENDING payment that was created after `now`, and its claims, get their whole time again from `now`;
    /// - a confirmation, a session, a sign-in attempt or the end of a session later than `now` counts from `now`;
    /// - leases of the relay and of idempotent calls, and the waiting times of mails, end after their longest time.
    ///
    /// While the clock is right this changes nothing.
    async fn limit_times(&self, now: Timestamp) -> Backend<()>;
}
