//! The audit log, for the audit consumer and administrators.

use async_trait::async_trait;
use jiff::Timestamp;

use super::{Backend, Page, PageRequest};
use crate::{event::Event, ids::PersonId};

/// Selects entries of the audit log; an entry must satisfy all conditions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// The type of the event.
    pub type_name: Option<String>,
    /// The person who caused the event.
    pub actor: Option<PersonId>,
    /// Only events that happened at or after this time.
    pub from: Option<Timestamp>,
    /// Only events that happened before this time.
    pub before: Option<Timestamp>,
}

/// The actions of audit events that change nothing and that anybody can repeat at will: refused attempts, and sign-ins
/// and sign-outs. They are deleted after a time; all other actions are kept for good.
pub const PASSING_ACTIONS: [&str; 3] = ["admin_refused", "sign_in", "sign_out"];

/// The retention limits of the audit log: entries of these two kinds are deleted when they are older than these times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditKept {
    /// `SEAT_RELEASED` events.
    pub released_from: Timestamp,
    /// Audit events with one of [`PASSING_ACTIONS`].
    pub refused_from: Timestamp,
}

/// The audit log.
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// Writes events. Idempotent: an event that exists already is ignored.
    async fn append_audit(&self, events: &[Event]) -> Backend<()>;
    /// Lists the events that `filter` selects, newest first.
    async fn list_audit(&self, filter: &AuditFilter, page: PageRequest) -> Backend<Page<Event>>;
    /// Deletes a small batch of entries whose retention time is over, oldest first. Returns whether there may be more. A
    /// batch is small enough that a sale which waits for it is not noticeably slower.
    async fn forget_audit(&self, kept: &AuditKept) -> Backend<bool>;
}
