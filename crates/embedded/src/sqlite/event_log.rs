//! The event log as a table, with an offset for each consumer.

use async_trait::async_trait;
use rusqlite::{Row, Transaction};
use seatkeeper_core::{
    event::Event,
    ports::{Backend, Consumer, EventLog, LoggedEvent},
};

use super::{
    SqliteStore,
    rows::{Columns, Fault, StoredId, count, json_of, list, run},
    unreadable::{Origin, Unreadable, read_or_find_unreadable},
};

/// What a consumer has not acknowledged, in order.
pub(super) const NEXT: &str = "SELECT position, event FROM events \
     WHERE position > coalesce((SELECT position FROM consumers WHERE name = ?1), 0) ORDER BY position LIMIT ?2";

#[async_trait]
impl EventLog for SqliteStore {
    async fn publish(&self, events: &[Event]) -> Backend<()> {
        if events.is_empty() {
            return Ok(());
        }
        let events = events.to_vec();
        self.write(move |tx| publish(tx, &events)).await
    }

    async fn list_next(&self, consumer: Consumer, limit: u32) -> Backend<Vec<LoggedEvent>> {
        let read = move |tx: &Transaction<'_>| list(tx, NEXT, (consumer.as_str(), limit), read_logged);
        self.read_events(Origin::Log, read).await
    }

    async fn acknowledge(&self, consumer: Consumer, position: i64) -> Backend<()> {
        let sql = "INSERT INTO consumers (name, position) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE \
             SET position = excluded.position WHERE position < excluded.position";
        self.write(move |tx| run(tx, sql, (consumer.as_str(), position)).map(|_| ())).await
    }

    async fn list_events(&self, after: i64, type_name: Option<&str>, limit: u32) -> Backend<Vec<LoggedEvent>> {
        let type_name = type_name.map(str::to_owned);
        let all = "SELECT position, event FROM events WHERE position > ?1 ORDER BY position LIMIT ?2";
        let of_type = "SELECT position, event FROM events WHERE type = ?3 AND position > ?1 ORDER BY position LIMIT ?2";
        let read = move |tx: &Transaction<'_>| match &type_name {
            Some(name) => list(tx, of_type, (after, limit, name), read_logged),
            None => list(tx, all, (after, limit), read_logged),
        };
        self.read_events(Origin::Log, read).await
    }

    async fn lag(&self, consumer: Consumer) -> Backend<u64> {
        let sql = "SELECT count(*) FROM events \
             WHERE position > coalesce((SELECT position FROM consumers WHERE name = ?1), 0)";
        self.read(move |tx| count(tx, sql, [consumer.as_str()])).await
    }
}

fn publish(tx: &Transaction<'_>, events: &[Event]) -> Result<(), Fault> {
    let sql = "INSERT INTO events (id, type, event) VALUES (?1, ?2, ?3) ON CONFLICT (id) DO NOTHING";
    for event in events {
        run(tx, sql, (event.id.bytes(), event.kind.type_name(), json_of(event)?))?;
    }
    Ok(())
}

fn read_logged(row: &Row<'_>) -> Result<Result<LoggedEvent, Unreadable>, Fault> {
    let position = row.get("position")?;
    read_or_find_unreadable(position, row.json("event").map(|event| LoggedEvent { position, event }))
}
