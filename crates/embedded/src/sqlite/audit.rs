//! The audit log.

use async_trait::async_trait;
use rusqlite::{Row, Transaction, params_from_iter, types::Value};
use seatkeeper_core::{
    event::Event,
    ports::{AuditFilter, AuditLog, Backend, Cursor, Page, PageRequest},
};

use super::{
    SqliteStore,
    rows::{Columns, Fault, StoredId, before, json_of, limit, list, ms, run},
};

#[async_trait]
impl AuditLog for SqliteStore {
    async fn append_audit(&self, events: &[Event]) -> Backend<()> {
        let events = events.to_vec();
        let sql =
            "INSERT INTO audit (id, at, type, actor, event) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (id) DO NOTHING";
        self.write(move |tx| {
            for event in &events {
                let actor = event.actor.map(|actor| actor.bytes());
                run(tx, sql, (event.id.bytes(), ms(event.at), event.kind.type_name(), actor, json_of(event)?))?;
            }
            Ok(())
        })
        .await
    }

    async fn list_audit(&self, filter: &AuditFilter, page: PageRequest) -> Backend<Page<Event>> {
        let filter = filter.clone();
        self.read(move |tx| list_audit(tx, &filter, page)).await
    }
}

fn list_audit(tx: &Transaction<'_>, filter: &AuditFilter, page: PageRequest) -> Result<Page<Event>, Fault> {
    let (at, id) = before(page);
    let mut sql = "SELECT event FROM audit WHERE (at, id) < (?, ?)".to_owned();
    let mut values = vec![Value::Integer(at), Value::Blob(id.to_vec())];
    let mut narrow = |clause: &str, value: Value| {
        sql.push_str(clause);
        values.push(value);
    };
    if let Some(name) = &filter.type_name {
        narrow(" AND type = ?", Value::Text(name.clone()));
    }
    if let Some(actor) = filter.actor {
        narrow(" AND actor = ?", Value::Blob(actor.bytes().to_vec()));
    }
    if let Some(from) = filter.from {
        narrow(" AND at >= ?", Value::Integer(ms(from)));
    }
    if let Some(end) = filter.before {
        narrow(" AND at < ?", Value::Integer(ms(end)));
    }
    narrow(" ORDER BY at DESC, id DESC LIMIT ?", Value::Integer(limit(page)));
    let read = |row: &Row<'_>| row.json("event");
    let items = list(tx, &sql, params_from_iter(values), read)?;
    Ok(Page::cut(items, page.limit, |event| Cursor { at: ms(event.at), id: event.id.uuid() }))
}
