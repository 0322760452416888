//! The audit log.

use async_trait::async_trait;
use mongodb::bson::{Document, doc};
use seatkeeper_core::{
    event::{Event, EventKind},
    ids::{EventId, PersonId},
    ports::{AuditFilter, AuditKept, AuditLog, Backend, Cursor, PASSING_ACTIONS, Page, PageRequest},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    MongoStore,
    conn::Conn,
    documents::{OnlyId, ms, texts},
    fault::Fault,
    pages,
    schema::{AUDIT, COUNTERS},
};

/// Limit of the entries that one call deletes, and of the events about refused attempts and sign-ins that it reads.
const FORGOTTEN_AT_ONCE_MAX: u32 = 50;
/// The document that records up to which entry the log was searched for old events about refused attempts and sign-ins.
const SWEEP: &str = "audit_sweep";

#[derive(Serialize, Deserialize)]
struct AuditDocument {
    #[serde(rename = "_id")]
    id: EventId,
    at: i64,
    #[serde(rename = "type")]
    type_name: String,
    actor: Option<PersonId>,
    event: String,
}

#[async_trait]
impl AuditLog for MongoStore {
    async fn append_audit(&self, events: &[Event]) -> Backend<()> {
        let mut conn = self.conn();
        let keep = async {
            let entries = events.iter().map(|event| {
                let (type_name, text) = (event.kind.type_name().to_owned(), serde_json::to_string(event)?);
                Ok(AuditDocument { id: event.id, at: ms(event.at), type_name, actor: event.actor, event: text })
            });
            conn.insert_new_ones(AUDIT, &entries.collect::<Result<Vec<_>, Fault>>()?).await
        };
        self.call(keep).await
    }

    async fn list_audit(&self, filter: &AuditFilter, page: PageRequest) -> Backend<Page<Event>> {
        let (filter, order) = (pages::newest_first(match_of(filter), "at", page), pages::falling("at"));
        let mut conn = self.conn();
        let list = async move {
            let found: Vec<AuditDocument> = conn.list(AUDIT, filter, order, pages::limit(page)).await?;
            found.iter().map(read_entry).collect::<Result<Vec<_>, _>>()
        };
        let entries = self.admin_call(list).await?;
        Ok(Page::cut(entries, page.limit, |event| Cursor { at: ms(event.at), id: event.id.as_uuid() }))
    }

    async fn forget_audit(&self, kept: &AuditKept) -> Backend<bool> {
        self.call(forget_audit(&mut self.conn(), kept)).await
    }
}

/// Position of an entry in the audit log, which is ordered by time and id.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Place {
    at: i64,
    id: Uuid,
}

/// Deletes old entries; returns whether there may be more. Several servers may run this concurrently: they read the
/// same entries, and deleting an entry again has no effect.
async fn forget_audit(conn: &mut Conn, kept: &AuditKept) -> Result<bool, Fault> {
    let (limit, order) = (FORGOTTEN_AT_ONCE_MAX, pages::rising("at"));
    let released = doc! { "type": "SEAT_RELEASED", "at": { "$lt": ms(kept.released_from) } };
    let released: Vec<OnlyId<EventId>> = conn.list(AUDIT, released, order.clone(), limit).await?;
    let mut has_more = released.len() >= limit as usize;
    let mut ids: Vec<EventId> = released.into_iter().map(|entry| entry.id).collect();

    let read_to: Option<Place> = conn.find(COUNTERS, doc! { "_id": SWEEP }).await?;
    let after = read_to.map(|place| Cursor { at: place.at, id: place.id });
    let old = doc! { "type": "AUDIT_LOG", "$and": [{ "at": { "$lt": ms(kept.refused_from) } }] };
    let old = pages::earliest_first(old, "at", after);
    let old: Vec<AuditDocument> = conn.list(AUDIT, old, order, limit).await?;
    has_more |= old.len() >= limit as usize;
    ids.extend(old.iter().filter(|entry| is_passing(entry)).map(|entry| entry.id));
    if !ids.is_empty() {
        conn.delete(AUDIT, doc! { "_id": { "$in": texts(ids) } }).await?;
    }
    if let Some(last) = old.last() {
        let place = doc! { "at": last.at, "id": last.id.to_string() };
        conn.upsert(COUNTERS, doc! { "_id": SWEEP }, doc! { "$set": place }).await?;
    }
    Ok(has_more)
}

/// Whether an entry may be deleted because its action is in [`PASSING_ACTIONS`]. An unreadable entry is retained.
fn is_passing(entry: &AuditDocument) -> bool {
    let event = read_entry(entry).ok();
    event.is_some_and(|event| match event.kind {
        EventKind::AuditLog { action, .. } => PASSING_ACTIONS.contains(&action.as_str()),
        EventKind::BookingSuccess { .. }
        | EventKind::BookingTimeout { .. }
        | EventKind::SeatReleased { .. }
        | EventKind::PaymentRefunded { .. }
        | EventKind::SystemError { .. } => false,
    })
}

fn match_of(filter: &AuditFilter) -> Document {
    let mut found = Document::new();
    if let Some(name) = &filter.type_name {
        found.insert("type", name);
    }
    if let Some(actor) = filter.actor {
        found.insert("actor", actor.to_string());
    }
    if let Some(from) = filter.from {
        pages::add(&mut found, doc! { "at": { "$gte": ms(from) } });
    }
    if let Some(end) = filter.before {
        pages::add(&mut found, doc! { "at": { "$lt": ms(end) } });
    }
    found
}

fn read_entry(document: &AuditDocument) -> Result<Event, Fault> {
    Ok(serde_json::from_str(&document.event)?)
}
