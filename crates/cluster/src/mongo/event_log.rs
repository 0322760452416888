//! The event log as a collection. Where Kafka carries the events, this is the list that administrators read.

use std::collections::HashSet;

use async_trait::async_trait;
use futures_util::FutureExt;
use mongodb::bson::{Document, doc};
use seatkeeper_core::{
    event::Event,
    ids::EventId,
    ports::{Backend, Consumer, EventLog, LoggedEvent},
};
use serde::{Deserialize, Serialize};

use super::{
    MongoStore,
    conn::Conn,
    documents::{OnlyId, texts},
    fault::Fault,
    schema::{CONSUMERS, COUNTERS, EVENTS},
};

/// An event at its place.
#[derive(Serialize, Deserialize)]
struct Logged {
    #[serde(rename = "_id")]
    id: EventId,
    position: i64,
    #[serde(rename = "type")]
    type_name: String,
    event: String,
}

#[derive(Deserialize)]
struct Counter {
    value: i64,
}

#[derive(Deserialize)]
struct Offset {
    position: i64,
}

impl MongoStore {
    /// Which of these events are in the log.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn find_logged(&self, ids: &[EventId]) -> Backend<HashSet<EventId>> {
        let mut conn = self.conn();
        self.call(find_logged(&mut conn, ids.iter())).await
    }

    async fn list_logged(&self, filter: Document, limit: u32) -> Backend<Vec<LoggedEvent>> {
        let mut conn = self.conn();
        let list = async {
            let logged: Vec<Logged> = conn.list(EVENTS, filter, doc! { "position": 1 }, limit).await?;
            logged.into_iter().map(read_logged).collect()
        };
        self.call(list).await
    }
}

#[async_trait]
impl EventLog for MongoStore {
    async fn publish(&self, events: &[Event]) -> Backend<()> {
        if events.is_empty() {
            return Ok(());
        }
        self.transact(events, |conn, events| publish(conn, events).boxed()).await
    }

    async fn list_next(&self, consumer: Consumer, limit: u32) -> Backend<Vec<LoggedEvent>> {
        let after = self.call(find_offset(&mut self.conn(), consumer)).await?;
        self.list_logged(doc! { "position": { "$gt": after } }, limit).await
    }

    async fn acknowledge(&self, consumer: Consumer, position: i64) -> Backend<()> {
        let forward = doc! { "$max": { "position": position } };
        self.call(self.conn().upsert(CONSUMERS, doc! { "_id": consumer.as_str() }, forward)).await
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

/// Places come from a counter in the same transaction: two that publish at once meet there, and a reader who has seen a
/// place has seen all before it.
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
    let last = last.ok_or(Fault::Broken("a counter that is there and is not"))?;
    let logged = (last.value - count + 1..).zip(new).map(|(position, event)| {
        let (type_name, text) = (event.kind.type_name().to_owned(), serde_json::to_string(event)?);
        Ok(Logged { id: event.id, position, type_name, event: text })
    });
    let logged = logged.collect::<Result<Vec<_>, Fault>>()?;
    conn.insert_all(EVENTS, &logged).await
}

async fn find_logged(conn: &mut Conn, ids: impl Iterator<Item = &EventId>) -> Result<HashSet<EventId>, Fault> {
    let these = doc! { "_id": { "$in": texts(ids) } };
    let found: Vec<OnlyId<EventId>> = conn.list_all(EVENTS, these).await?;
    Ok(found.into_iter().map(|found| found.id).collect())
}

async fn find_offset(conn: &mut Conn, consumer: Consumer) -> Result<i64, Fault> {
    let offset: Option<Offset> = conn.find(CONSUMERS, doc! { "_id": consumer.as_str() }).await?;
    Ok(offset.map_or(0, |offset| offset.position))
}

fn read_logged(logged: Logged) -> Result<LoggedEvent, Fault> {
    Ok(LoggedEvent { position: logged.position, event: serde_json::from_str(&logged.event)? })
}
