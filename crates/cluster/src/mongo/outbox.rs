//! The outbox: events are written in the same transaction as the change that they report, and wait for the relay to
//! publish them to the event log.
//!
//! Events are ordered by the cluster time that their transaction read. A transaction that depends on another (same
//! booking, same seat) reads a later time, whatever the servers and their clocks; the order of independent transactions
//! is arbitrary. A counter could not order the events: incremented inside the transactions, all of them would conflict
//! on it, and incremented outside, its order would differ from the order of commits.

use async_trait::async_trait;
use futures_util::FutureExt;
use jiff::{SignedDuration, Timestamp};
use mongodb::bson::{Document, Timestamp as ClusterTime, deserialize_from_document, doc};
use seatkeeper_core::{
    event::Event,
    ids::EventId,
    ports::{Backend, Outbox},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    MongoStore,
    conn::Conn,
    documents::{OnlyId, ms, texts},
    fault::Fault,
    schema::{LEASES, OUTBOX},
};

/// How long a sent event stays in the outbox, so that the same event is not appended again. The unique id in the event
/// log refuses duplicates that arrive even later.
const SENT_AGE_MAX: SignedDuration = SignedDuration::from_hours(24);
/// Limit of the sent events that one renewal of the relay's lease deletes.
const FORGOTTEN_AT_ONCE_MAX: u32 = 200;
/// The key of the relay's lease.
const RELAY: &str = "relay";

/// An event in the outbox.
#[derive(Serialize)]
struct Waiting {
    #[serde(rename = "_id")]
    id: EventId,
    /// The cluster time of the transaction. Together with `nth`, the event's number in the transaction, it is the order
    /// of publishing.
    written: ClusterTime,
    nth: i64,
    at: i64,
    #[serde(rename = "type")]
    type_name: &'static str,
    is_sent: bool,
    event: String,
}

#[derive(Deserialize)]
struct OutboxDocument {
    #[serde(rename = "_id")]
    id: EventId,
    event: String,
}

#[derive(Deserialize)]
struct Lease {
    holder: Uuid,
}

#[async_trait]
impl Outbox for MongoStore {
    async fn append_events(&self, events: &[Event]) -> Backend<()> {
        if events.is_empty() {
            return Ok(());
        }
        self.transact(events, |conn, events| put_events(conn, events).boxed()).await
    }

    async fn take_relay_lease(&self, relay: Uuid, now: Timestamp, until: Timestamp) -> Backend<bool> {
        let relay = relay.to_string();
        let free = doc! { "_id": RELAY, "$or": [{ "holder": &relay }, { "until": { "$lte": ms(now) } }] };
        let taken = doc! { "$set": { "holder": relay, "until": ms(until) } };
        let mut conn = self.conn();
        let take = async {
            // While another relay holds the lease, the filter matches nothing, so the upsert tries to insert and fails
            // with a duplicate key.
            match conn.upsert(LEASES, free, taken).await {
                Ok(()) => forget_sent(&mut conn, now).await.map(|()| true),
                Err(Fault::Duplicate(_)) => Ok(false),
                Err(other) => Err(other),
            }
        };
        self.call(take).await
    }

    async fn find_relay(&self, now: Timestamp) -> Backend<Option<Uuid>> {
        let standing = doc! { "_id": RELAY, "until": { "$gt": ms(now) } };
        let lease: Option<Lease> = self.call(self.conn().find(LEASES, standing)).await?;
        Ok(lease.map(|lease| lease.holder))
    }

    async fn list_unsent(&self, relay: Uuid, limit: u32) -> Backend<Vec<Event>> {
        if !self.call(self.conn().exists(LEASES, held_by(relay))).await? {
            return Ok(Vec::new());
        }
        let (unsent, order) = (doc! { "is_sent": false }, doc! { "written": 1, "nth": 1 });
        self.list_readable(OUTBOX, (unsent, order), limit, read_unsent).await
    }

    async fn mark_sent(&self, relay: Uuid, ids: &[EventId]) -> Backend<()> {
        if ids.is_empty() {
            return Ok(());
        }
        self.transact(ids, move |conn, ids| mark_sent(conn, relay, ids).boxed()).await
    }

    async fn has_unsent(&self) -> Backend<bool> {
        self.call(self.conn().exists(OUTBOX, doc! { "is_sent": false })).await
    }

    async fn count_unsent(&self) -> Backend<u64> {
        self.call(self.conn().count(OUTBOX, doc! { "is_sent": false })).await
    }
}

/// Adds events within the caller's transaction. Events whose ids are in the outbox already are skipped.
pub(super) async fn put_events(conn: &mut Conn, events: &[Event]) -> Result<(), Fault> {
    if events.is_empty() {
        return Ok(());
    }
    let ids = texts(events.iter().map(|event| event.id));
    let known: Vec<OnlyId<EventId>> = conn.list_all(OUTBOX, doc! { "_id": { "$in": ids } }).await?;
    let mut known: Vec<EventId> = known.into_iter().map(|known| known.id).collect();
    let mut new = Vec::new();
    for event in events {
        if !known.contains(&event.id) {
            known.push(event.id);
            new.push(waiting(conn, event)?);
        }
    }
    conn.insert_all(OUTBOX, &new).await
}

fn waiting(conn: &mut Conn, event: &Event) -> Result<Waiting, Fault> {
    let (written, nth) = conn.next_sort_key()?;
    let (type_name, text) = (event.kind.type_name(), serde_json::to_string(event)?);
    Ok(Waiting { id: event.id, written, nth, at: ms(event.at), type_name, is_sent: false, event: text })
}

fn read_unsent(document: Document) -> Result<Event, Fault> {
    let OutboxDocument { id, event } = deserialize_from_document(document)?;
    let event: Event = serde_json::from_str(&event)?;
    // `mark_sent` finds documents by the event's id, so an event in a document with another id would be published for
    // ever.
    if id == event.id { Ok(event) } else { Err(Fault::Broken("the event has another id than its document")) }
}

/// Marks events as sent, if this relay still holds its lease. Otherwise it does nothing: the new holder publishes the
/// events again, and the event log deduplicates them. The write to the lease makes this transaction conflict with a
/// concurrent takeover.
async fn mark_sent(conn: &mut Conn, relay: Uuid, ids: &[EventId]) -> Result<(), Fault> {
    if conn.update(LEASES, held_by(relay), doc! { "$inc": { "marks": 1i64 } }).await? {
        let these = doc! { "_id": { "$in": texts(ids) } };
        conn.update_all(OUTBOX, these, doc! { "$set": { "is_sent": true } }).await?;
    }
    Ok(())
}

fn held_by(relay: Uuid) -> Document {
    doc! { "_id": RELAY, "holder": relay.to_string() }
}

async fn forget_sent(conn: &mut Conn, now: Timestamp) -> Result<(), Fault> {
    let oldest = ms(now.saturating_sub(SENT_AGE_MAX).unwrap_or(Timestamp::UNIX_EPOCH));
    let old = doc! { "is_sent": true, "at": { "$lte": oldest } };
    let old: Vec<OnlyId<EventId>> = conn.list(OUTBOX, old, doc! { "at": 1 }, FORGOTTEN_AT_ONCE_MAX).await?;
    if !old.is_empty() {
        let ids = texts(old.into_iter().map(|old| old.id));
        conn.delete(OUTBOX, doc! { "_id": { "$in": ids } }).await?;
    }
    Ok(())
}
