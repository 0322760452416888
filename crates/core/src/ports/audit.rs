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

/// The audit log.
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// Writes events. Idempotent: an event that exists already is ignored.
    async fn append_audit(&self, events: &[Event]) -> Backend<()>;
    /// Lists the events that `filter` selects, newest first.
    async fn list_audit(&self, filter: &AuditFilter, page: PageRequest) -> Backend<Page<Event>>;
}
