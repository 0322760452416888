//! The outbox, for the relay and for use cases that append events.

use async_trait::async_trait;
use jiff::Timestamp;

use super::Backend;
use crate::{event::Event, ids::EventId};

/// Events that wait for the relay; each is written in the transaction of the change that it reports. A lease admits one
/// relay at a time.
#[async_trait]
pub trait Outbox: Send + Sync {
    /// Appends events that are not part of another write. Idempotent: an event that exists already is ignored.
    async fn append_events(&self, events: &[Event]) -> Backend<()>;
    /// Takes or renews the lease of `relay` until `until`; false while another relay has the lease.
    async fn take_relay_lease(&self, relay: uuid::Uuid, now: Timestamp, until: Timestamp) -> Backend<bool>;
    /// The relay that has the lease; `None` if nobody has it or it has expired.
    async fn find_relay(&self, now: Timestamp) -> Backend<Option<uuid::Uuid>>;
    /// Unsent events in the order in which they were written (their ids have another order). Empty if `relay` does not
    /// have the lease.
    async fn list_unsent(&self, relay: uuid::Uuid, limit: u32) -> Backend<Vec<Event>>;
    /// Marks events as sent after they were published to the event log. Does nothing if `relay` does not have the
    /// lease.
    async fn mark_sent(&self, relay: uuid::Uuid, ids: &[EventId]) -> Backend<()>;
    /// Whether there is an unsent event. Called often, so its cost must not grow with the number of events.
    async fn has_unsent(&self) -> Backend<bool>;
    /// The number of unsent events.
    async fn count_unsent(&self) -> Backend<u64>;
}
