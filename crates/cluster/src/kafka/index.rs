//! An index of the event log in the store.

use std::collections::HashSet;

use async_trait::async_trait;
use seatkeeper_core::{
    event::Event,
    ids::EventId,
    ports::{Backend, EventLog, LoggedEvent},
};

use crate::mongo::MongoStore;

/// An index of the log in the store, for the queries that Kafka does not have: administrators list events of one type in pages,
/// and the relay asks which events have been published.
#[async_trait]
pub trait EventIndex: Send + Sync {
    /// Returns which of these events are in the index.
    async fn find_logged(&self, ids: &[EventId]) -> Backend<HashSet<EventId>>;
    /// Adds events in order; events that exist already are skipped.
    async fn publish(&self, events: &[Event]) -> Backend<()>;
    /// Stores a message that is not an event, found at `place`, and reports it by an event. Idempotent by `place`.
    async fn store_unreadable(&self, place: &str, message: &[u8], error: &str) -> Backend<()>;
    /// A page of events after a position, of one type if given.
    async fn list_events(&self, after: i64, type_name: Option<&str>, limit: u32) -> Backend<Vec<LoggedEvent>>;
}

#[async_trait]
impl EventIndex for MongoStore {
    async fn find_logged(&self, ids: &[EventId]) -> Backend<HashSet<EventId>> {
        Self::find_logged(self, ids).await
    }

    async fn publish(&self, events: &[Event]) -> Backend<()> {
        // No consumer reads the index (Kafka stores unread events), so old events may be deleted without regard to offsets.
        self.log_events(events, &[]).await
    }

    async fn store_unreadable(&self, place: &str, message: &[u8], error: &str) -> Backend<()> {
        Self::store_unreadable(self, place, message, error).await
    }

    async fn list_events(&self, after: i64, type_name: Option<&str>, limit: u32) -> Backend<Vec<LoggedEvent>> {
        EventLog::list_events(self, after, type_name, limit).await
    }
}
