//! The outbox, for the relay and for use cases that append events.

use async_trait::async_trait;
use jiff::Timestamp;

use super::Backend;
use crate::{event::Event, ids::EventId};

/// Events written in the transaction of the change that they report, waiting for the relay. A lease admits one relay at a time.
#[async_trait]
pub trait Outbox: Send + Sync {
    /// Appends events that no other write carries. Idempotent: an event that exists already is ignored.
    async fn append_events(&self, events: &[Event]) -> Backend<()>;
    /// Takes or renews the relay's lease until `until`; false while another relay has it.
    async fn take_relay_lease(&self, relay: uuid::Uuid, now: Timestamp, until: Timestamp) -> Backend<bool>;
    /// The relay that has the lease, unless the lease has expired.
    async fn find_relay(&self, now: Timestamp) -> Backend<Option<uuid::Uuid>>;
    /// Unsent events in the order of writing, selected by flag, because ids are not in that order. Empty without the lease.
    async fn list_unsent(&self, relay: uuid::Uuid, limit: u32) -> Backend<Vec<Event>>;
    /// Marks events that are in the event log as sent. Does nothing without the lease.
    async fn mark_sent(&self, relay: uuid::Uuid, ids: &[EventId]) -> Backend<()>;
    /// Whether any event is unsent. Called often, so its cost must not grow with their number.
    async fn has_unsent(&self) -> Backend<bool>;
    /// The number of unsent events.
    async fn count_unsent(&self) -> Backend<u64>;
}
