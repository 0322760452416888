//! The event log as a MongoDB collection. When Kafka delivers events to the consumers, this collection is still the
//! source of the administrators' list.

use std::collections::HashSet;

use async_trait::async_trait;
use futures_util::FutureExt;
use jiff::Timestamp;
use mongodb::bson::{Document, deserialize_from_document, doc};
use seatkeeper_core::{
    event::Event,
    ids::EventId,
    ports::{Backend, Consumer, EventLog, LOGGED_AGE_MAX, LoggedEvent, ms},
};
use serde::{Deserialize, Serialize};

use super::{
    MongoStore,
    conn::Conn,
    documents::{OnlyId, texts},
    fault::Fault,
    schema::{CONSUMERS, COUNTERS, EVENTS},
};

/// Limit of the old events that one call of `publish` deletes. It exceeds the number of events that the relay publishes
/// in one call, so that the log can shrink.
const FORGOTTEN_AT_ONCE_MAX: u32 = 512;

/// An event and its position in the log.
#[derive(Serialize)]
struct Logged {
    #[serde(rename = "_id")]
    id: EventId,
    position: i64,
    at: i64,
    #[serde(rename = "type")]
    type_name: String,
    event: String,
}

/// The part of a logged event that a lookup by id reads.
#[derive(Deserialize)]
struct LoggedId {
    position: i64,
    event: String,
}

#[derive(Deserialize)]
struct Counter {
    value: i64,
}

#[derive(Deserialize)]
struct Placed {
    #[serde(rename = "_id")]
    id: EventId,
    position: i64,
}

#[derive(Deserialize)]
struct Offset {
    position: i64,
}

impl MongoStore {
    /// Returns those of these event ids that are in the log.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn find_logged(&self, ids: &[EventId]) -> Backend<HashSet<EventId>> {
        let mut conn = self.conn();
        self.call(find_logged(&mut conn, ids.iter())).await
    }

    async fn list_logged(&self, filter: Document, limit: u32) -> Backend<Vec<LoggedEvent>> {
        self.list_readable(EVENTS, (filter, doc! { "position": 1 }), limit, read_logged).await
    }

    /// Adds events to the log, and deletes old events that all of `consumers` have acknowledged.
    pub(crate) async fn log_events(&self, events: &[Event], consumers: &[Consumer]) -> Backend<()> {
        // The time of the newest event is used as the current time: it is precise enough to compute the ages of events.
        let Some(now) = events.iter().map(|event| event.at).max() else { return Ok(()) };
        self.transact(events, |conn, events| publish(conn, events).boxed()).await?;
        let mut conn = self.conn();
        if let Err(error) = self.call(forget_done(&mut conn, consumers, now)).await {
            tracing::warn!(%error, "old events could not be deleted; the next publication tries again");
        }
        Ok(())
    }
}

#[async_trait]
impl EventLog for MongoStore {
    async fn publish(&self, events: &[Event]) -> Backend<()> {
        self.log_events(events, Consumer::ALL).await
    }

    async fn list_next(&self, consumer: Consumer, limit: u32) -> Backend<Vec<LoggedEvent>> {
        let after = self.call(find_offset(&mut self.conn(), consumer)).await?;
        self.list_logged(doc! { "position": { "$gt": after } }, limit).await
    }

    async fn acknowledge(&self, consumer: Consumer, position: i64) -> Backend<()> {
        let forward = doc! { "$max": { "position": position } };
        self.call(self.conn().upsert(CONSUMERS, doc! { "_id": consumer.as_ref() }, forward)).await
    }

    async fn list_events(&self, after: i64, type_name: Option<&str>, limit: u32) -> Backend<Vec<LoggedEvent>> {
        let mut filter = doc! { "position": { "$gt": after } };
        if let Some(name) = type_name {
            filter.insert("type", name);
        }
        self.list_logged(filter, limit).await
    }

    async fn lag(&self, consumer: Consumer) -> Backend<u64> {
        let after = self.call(find_offset(&mut self.conn(), consumer)).await?;
        self.call(self.conn().count(EVENTS, doc! { "position": { "$gt": after } })).await
    }
}

/// Appends events to the log. Their positions come from a counter that is incremented in the same transaction.
/// Concurrent publications conflict on it, so positions become visible in ascending order: a reader that has seen a
/// position has seen all lower ones.
async fn publish(conn: &mut Conn, events: &[Event]) -> Result<(), Fault> {
    let mut known = find_logged(conn, events.iter().map(|event| &event.id)).await?;
    let new: Vec<&Event> = events.iter().filter(|event| known.insert(event.id)).collect();
    let count = i64::try_from(new.len()).unwrap_or(i64::MAX);
    if count == 0 {
        return Ok(());
    }
    let (counter, taken) = (doc! { "_id": "event_position" }, doc! { "$inc": { "value": count } });
    conn.upsert(COUNTERS, counter.clone(), taken).await?;
    let last: Option<Counter> = conn.find(COUNTERS, counter).await?;
    let last = last.ok_or(Fault::Broken("the counter of event positions is missing"))?;
    let logged = (last.value - count + 1..).zip(new).map(|(position, event)| {
        let (type_name, text) = (event.kind.type_name().to_owned(), serde_json::to_string(event)?);
        Ok(Logged { id: event.id, position, at: ms(event.at), type_name, event: text })
    });
    let logged = logged.collect::<Result<Vec<_>, Fault>>()?;
    conn.insert_all(EVENTS, &logged).await
}

/// Deletes events that are old and that all of `consumers` have acknowledged.
async fn forget_done(conn: &mut Conn, consumers: &[Consumer], now: Timestamp) -> Result<(), Fault> {
    let oldest = ms(now.saturating_sub(LOGGED_AGE_MAX).unwrap_or(Timestamp::UNIX_EPOCH));
    let is_old = doc! { "at": { "$lt": oldest } };
    let old: Vec<Placed> = conn.list(EVENTS, is_old, doc! { "at": 1 }, FORGOTTEN_AT_ONCE_MAX).await?;
    if old.is_empty() {
        return Ok(());
    }
    let mut done_to = i64::MAX;
    for consumer in consumers {
        done_to = done_to.min(find_offset(conn, *consumer).await?);
    }
    let done = old.into_iter().filter(|event| event.position <= done_to);
    let done: Vec<String> = done.map(|event| event.id.to_string()).collect();
    conn.delete(EVENTS, doc! { "_id": { "$in": done } }).await?;
    Ok(())
}

async fn find_logged(conn: &mut Conn, ids: impl Iterator<Item = &EventId>) -> Result<HashSet<EventId>, Fault> {
    let these = doc! { "_id": { "$in": texts(ids) } };
    let found: Vec<OnlyId<EventId>> = conn.list_all(EVENTS, these).await?;
    Ok(found.into_iter().map(|found| found.id).collect())
}

async fn find_offset(conn: &mut Conn, consumer: Consumer) -> Result<i64, Fault> {
    let offset: Option<Offset> = conn.find(CONSUMERS, doc! { "_id": consumer.as_ref() }).await?;
    Ok(offset.map_or(0, |offset| offset.position))
}

fn read_logged(document: Document) -> Result<LoggedEvent, Fault> {
    let logged: LoggedId = deserialize_from_document(document)?;
    Ok(LoggedEvent { position: logged.position, event: serde_json::from_str(&logged.event)? })
}
