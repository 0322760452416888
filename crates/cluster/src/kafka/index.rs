//! The index of the event log, which is stored in MongoDB.

use std::collections::HashSet;

use async_trait::async_trait;
use seatkeeper_core::{
    event::Event,
    ids::EventId,
    ports::{Backend, EventLog, LoggedEvent},
};

use crate::mongo::MongoStore;

/// An index of the event log in the store, for the queries that Kafka does not support: administrators list events by
/// type in pages, and the relay asks which events have already been published.
#[async_trait]
pub trait EventIndex: Send + Sync {
    /// Returns those of these event ids that are in the index.
    async fn find_logged(&self, ids: &[EventId]) -> Backend<HashSet<EventId>>;
    /// Adds events in this order. Events that are in the index already are skipped.
    async fn publish(&self, events: &[Event]) -> Backend<()>;
    /// Stores a Kafka message that is not an event, and reports it by an event. Idempotent: `origin`, the message's
    /// topic, partition and offset, identifies it.
    async fn store_unreadable(&self, origin: &str, message: &[u8], error: &str) -> Backend<()>;
    /// A page of the events after a position; if `type_name` is given, only events of that type.
    async fn list_events(&self, after: i64, type_name: Option<&str>, limit: u32) -> Backend<Vec<LoggedEvent>>;
}

#[async_trait]
impl EventIndex for MongoStore {
    async fn find_logged(&self, ids: &[EventId]) -> Backend<HashSet<EventId>> {
        Self::find_logged(self, ids).await
    }

    async fn publish(&self, events: &[Event]) -> Backend<()> {
        // No consumer reads events from the index (Kafka stores those that are not handled yet), so no consumer's
        // position prevents the deletion of old events.
        self.log_events(events, &[]).await
    }

    async fn store_unreadable(&self, origin: &str, message: &[u8], error: &str) -> Backend<()> {
        Self::store_unreadable(self, origin, message, error).await
    }

    async fn list_events(&self, after: i64, type_name: Option<&str>, limit: u32) -> Backend<Vec<LoggedEvent>> {
        EventLog::list_events(self, after, type_name, limit).await
    }
}
