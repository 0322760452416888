//! The audit log.

use async_trait::async_trait;
use mongodb::bson::{Document, doc};
use seatkeeper_core::{
    event::Event,
    ids::{EventId, PersonId},
    ports::{AuditFilter, AuditLog, Backend, Cursor, Page, PageRequest},
};
use serde::{Deserialize, Serialize};

use super::{MongoStore, documents::ms, fault::Fault, pages, schema::AUDIT};

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
        let list = async {
            let found: Vec<AuditDocument> = conn.list(AUDIT, filter, order, pages::limit(page)).await?;
            found.iter().map(read_entry).collect::<Result<Vec<_>, _>>()
        };
        let entries = self.call(list).await?;
        Ok(Page::cut(entries, page.limit, |event| Cursor { at: ms(event.at), id: event.id.as_uuid() }))
    }
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
