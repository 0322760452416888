//! The audit log.

use async_trait::async_trait;
use rusqlite::{Row, Transaction, params_from_iter, types::Value as SqlValue};
use seatkeeper_core::{
    event::Event,
    ids::{EventId, PersonId},
    ports::{AuditFilter, AuditKept, AuditLog, Backend, Cursor, PASSING_ACTIONS, Page, PageRequest},
    time_text::TimeText,
};
use serde_json::Value;

use super::{
    SqliteStore,
    rows::{Columns, Fault, StoredId, before, find, json_of, limit, list, ms, run},
};

/// The most releases of seats that one call deletes, and the most audit events that it reads and may delete. Each
/// deletion changes five B-trees, some of them at random places of a large file, and sales wait for the writer
/// meanwhile.
const FORGOTTEN_AT_ONCE_MAX: u32 = 50;

/// The oldest releases of seats.
pub(super) const RELEASED: &str =
    "SELECT id FROM audit WHERE type = 'SEAT_RELEASED' AND at < ?1 ORDER BY at, id LIMIT ?2";

/// The oldest audit events after a place, with their actions. The action is read from the JSON, because an index of it
/// would be built at the start of a new version, from a table of any size.
pub(super) const ACTIONS: &str = "SELECT at, id, \
     coalesce(CASE WHEN json_valid(event) THEN json_extract(event, '$.data.action') END, '') AS action \
     FROM audit WHERE type = 'AUDIT_LOG' AND (at, id) > (?1, ?2) AND at < ?3 ORDER BY at, id LIMIT ?4";

#[async_trait]
impl AuditLog for SqliteStore {
    async fn append_audit(&self, events: &[Event]) -> Backend<()> {
        let events = events.to_vec();
        let sql =
            "INSERT INTO audit (id, at, type, actor, event) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (id) DO NOTHING";
        self.write(move |tx| {
            for event in &events {
                let actor = event.actor.map(|actor| actor.bytes());
                run(tx, sql, (event.id.bytes(), ms(event.at), event.kind.type_name(), actor, rest_of(event)?))?;
            }
            Ok(())
        })
        .await
    }

    async fn list_audit(&self, filter: &AuditFilter, page: PageRequest) -> Backend<Page<Event>> {
        let filter = filter.clone();
        self.admin_read(move |tx| list_audit(tx, &filter, page)).await
    }

    async fn forget_audit(&self, kept: &AuditKept) -> Backend<bool> {
        let kept = *kept;
        // A reader selects the entries, so that the writer, for which sales wait, only deletes.
        let found = self.read(move |tx| find_forgettable(tx, &kept)).await?;
        let has_more = found.has_more;
        if !found.ids.is_empty() || found.read_to.is_some() {
            self.write(move |tx| forget(tx, &found)).await?;
        }
        Ok(has_more)
    }
}

fn list_audit(tx: &Transaction<'_>, filter: &AuditFilter, page: PageRequest) -> Result<Page<Event>, Fault> {
    let (at, id) = before(page);
    let mut sql = "SELECT id, at, type, actor, event FROM audit WHERE (at, id) < (?, ?)".to_owned();
    let mut values = vec![SqlValue::Integer(at), SqlValue::Blob(id.to_vec())];
    let mut narrow = |clause: &str, value: SqlValue| {
        sql.push_str(clause);
        values.push(value);
    };
    if let Some(name) = &filter.type_name {
        narrow(" AND type = ?", SqlValue::Text(name.clone()));
    }
    if let Some(actor) = filter.actor {
        narrow(" AND actor = ?", SqlValue::Blob(actor.bytes().to_vec()));
    }
    if let Some(from) = filter.from {
        narrow(" AND at >= ?", SqlValue::Integer(ms(from)));
    }
    if let Some(end) = filter.before {
        narrow(" AND at < ?", SqlValue::Integer(ms(end)));
    }
    narrow(" ORDER BY at DESC, id DESC LIMIT ?", SqlValue::Integer(limit(page)));
    let items = list(tx, &sql, params_from_iter(values), read_entry)?;
    Ok(Page::cut(items, page.limit, |event| Cursor { at: ms(event.at), id: event.id.uuid() }))
}

/// The event's JSON without the fields that are columns, which would be nearly half of it: a release of a seat has
/// little else.
fn rest_of(event: &Event) -> Result<String, Fault> {
    let mut json = serde_json::to_value(event)?;
    if let Some(fields) = json.as_object_mut() {
        for column in ["id", "type", "at", "actor"] {
            fields.remove(column);
        }
    }
    json_of(&json)
}

/// Reads an entry. Those of older versions contain the whole event.
fn read_entry(row: &Row<'_>) -> Result<Event, Fault> {
    let mut json: Value = row.json("event")?;
    if let Some(fields) = json.as_object_mut().filter(|fields| !fields.contains_key("id")) {
        let (id, actor): (EventId, Option<PersonId>) = (row.id("id")?, row.maybe_id("actor")?);
        let type_name: String = row.get("type")?;
        fields.insert("id".to_owned(), serde_json::to_value(id)?);
        fields.insert("type".to_owned(), type_name.into());
        fields.insert("at".to_owned(), TimeText::of(row.time("at")?).as_str().into());
        fields.insert("actor".to_owned(), serde_json::to_value(actor)?);
    }
    Ok(serde_json::from_value(json)?)
}

/// A batch of entries to delete.
struct Forgettable {
    ids: Vec<[u8; 16]>,
    /// The place of the last audit event that was read; the next batch begins after it.
    read_to: Option<(i64, [u8; 16])>,
    has_more: bool,
}

fn find_forgettable(tx: &Transaction<'_>, kept: &AuditKept) -> Result<Forgettable, Fault> {
    let limit = FORGOTTEN_AT_ONCE_MAX;
    let mut ids: Vec<[u8; 16]> = list(tx, RELEASED, (ms(kept.released_from), limit), |row| Ok(row.get("id")?))?;
    let mut has_more = ids.len() >= limit as usize;
    let read_to = find(tx, "SELECT at, id FROM audit_sweep", [], |row| Ok((row.get("at")?, row.get("id")?)))?;
    let (at, id): (i64, [u8; 16]) = read_to.unwrap_or((i64::MIN, [0; 16]));
    let read = |row: &Row<'_>| Ok((row.get("at")?, row.get("id")?, row.get("action")?));
    let actions: Vec<(i64, [u8; 16], String)> = list(tx, ACTIONS, (at, id, ms(kept.refused_from), limit), read)?;
    has_more |= actions.len() >= limit as usize;
    let read_to = actions.last().map(|(at, id, _)| (*at, *id));
    let is_passing = |action: &str| PASSING_ACTIONS.contains(&action);
    ids.extend(actions.into_iter().filter(|(_, _, action)| is_passing(action)).map(|(_, id, _)| id));
    Ok(Forgettable { ids, read_to, has_more })
}

fn forget(tx: &Transaction<'_>, found: &Forgettable) -> Result<(), Fault> {
    for id in &found.ids {
        run(tx, "DELETE FROM audit WHERE id = ?1", [id])?;
    }
    if let Some((at, id)) = found.read_to {
        let sql = "INSERT INTO audit_sweep (one, at, id) VALUES (1, ?1, ?2) \
             ON CONFLICT (one) DO UPDATE SET at = excluded.at, id = excluded.id";
        run(tx, sql, (at, id))?;
    }
    Ok(())
}
