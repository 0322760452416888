//! What is in the log, kept in the store as well.

use std::collections::HashSet;

use async_trait::async_trait;
use seatkeeper_core::{
    event::Event,
    ids::EventId,
    ports::{Backend, EventLog, LoggedEvent},
};

use crate::mongo::MongoStore;

/// An index of the log in the store. Kafka can be read from a place on, and no more: administrators list events of one type,
/// page by page, and the relay asks which events are there already.
#[async_trait]
pub trait EventIndex: Send + Sync {
    /// Those of the events that are in the index.
    async fn find_logged(&self, ids: &[EventId]) -> Backend<HashSet<EventId>>;
    /// Adds events, in order; one that is there already is left alone.
    async fn publish(&self, events: &[Event]) -> Backend<()>;
    /// Keeps a message of the log that is no event, found at `place`, and tells of it: once, however often it is met.
    async fn keep_unreadable(&self, place: &str, message: &[u8], error: &str) -> Backend<()>;
    /// A page for people: events after a place, of one type if given.
    async fn list_events(&self, after: i64, type_name: Option<&str>, limit: u32) -> Backend<Vec<LoggedEvent>>;
}

#[async_trait]
impl EventIndex for MongoStore {
    async fn find_logged(&self, ids: &[EventId]) -> Backend<HashSet<EventId>> {
        Self::find_logged(self, ids).await
    }

    async fn publish(&self, events: &[Event]) -> Backend<()> {
        // Kafka keeps what its consumers have not done.
        self.log_events(events, &[]).await
    }

    async fn keep_unreadable(&self, place: &str, message: &[u8], error: &str) -> Backend<()> {
        Self::keep_unreadable(self, place, message, error).await
    }

    async fn list_events(&self, after: i64, type_name: Option<&str>, limit: u32) -> Backend<Vec<LoggedEvent>> {
        EventLog::list_events(self, after, type_name, limit).await
    }
}
