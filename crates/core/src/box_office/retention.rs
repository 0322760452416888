//! Deletes the entries of the audit log whose retention time is over.

use jiff::{SignedDuration, Timestamp};

use super::BoxOffice;
use crate::ports::{AuditKept, Backend};

/// Deletes a small batch of old entries of the audit log: releases of seats, refused attempts and sign-ins. Returns
/// whether there may be more.
///
/// # Errors
/// A call to the store failed.
pub async fn forget_audit(office: &BoxOffice) -> Backend<bool> {
    let now = office.now();
    let before = |age: SignedDuration| now.saturating_sub(age).unwrap_or(Timestamp::UNIX_EPOCH);
    let (released, refused) = (office.settings.keep_released, office.settings.keep_refused);
    let kept = AuditKept { released_from: before(released), refused_from: before(refused) };
    office.stores.audit.forget_audit(&kept).await
}
