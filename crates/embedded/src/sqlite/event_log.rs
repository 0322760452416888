//! The event log as a table, with an offset for each consumer. Old events that all consumers have acknowledged are
//! deleted; the audit log keeps changes and money for good.

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Row, Transaction};
use seatkeeper_core::{
    event::Event,
    ports::{Backend, Consumer, EventLog, LOGGED_AGE_MAX, LoggedEvent},
    time_text::TimeText,
};

use super::{
    SqliteStore,
    rows::{Columns, Fault, StoredId, count, exists, find, json_of, list, run},
    unreadable::{Origin, Unreadable, read_or_find_unreadable},
};

/// The most old events that one call of `publish` deletes. It exceeds the number that the relay publishes in one call,
/// so that the log shrinks.
const FORGOTTEN_AT_ONCE_MAX: u32 = 512;

/// The unacknowledged events of a consumer, in order.
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
        let read = move |tx: &Transaction<'_>| list(tx, NEXT, (consumer.as_ref(), limit), read_logged);
        self.read_events(Origin::Log, read).await
    }

    async fn acknowledge(&self, consumer: Consumer, position: i64) -> Backend<()> {
        let sql = "INSERT INTO consumers (name, position) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE \
             SET position = excluded.position WHERE position < excluded.position";
        self.write(move |tx| run(tx, sql, (consumer.as_ref(), position)).map(|_| ())).await
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
        self.read(move |tx| count(tx, sql, [consumer.as_ref()])).await
    }
}

fn publish(tx: &Transaction<'_>, events: &[Event]) -> Result<(), Fault> {
    let sql = "INSERT INTO events (id, type, event) VALUES (?1, ?2, ?3) ON CONFLICT (id) DO NOTHING";
    for event in events {
        run(tx, sql, (event.id.bytes(), event.kind.type_name(), json_of(event)?))?;
    }
    // The time of the newest event stands in for the current time; it is precise enough to compute ages.
    events.iter().map(|event| event.at).max().map_or(Ok(()), |now| forget_done(tx, now))
}

/// Deletes old events that all consumers have acknowledged.
fn forget_done(tx: &Transaction<'_>, now: Timestamp) -> Result<(), Fault> {
    // Times are compared as text, truncated to seconds, because a fraction of a second makes a text greater. An
    // unreadable event has no time and counts as old.
    let oldest = now.saturating_sub(LOGGED_AGE_MAX).unwrap_or(Timestamp::UNIX_EPOCH);
    let oldest = Timestamp::from_second(oldest.as_second()).unwrap_or(Timestamp::UNIX_EPOCH);
    let oldest = TimeText::of(oldest).as_str().trim_end_matches('Z').to_owned();
    let is_old = "coalesce(CASE WHEN json_valid(event) THEN json_extract(event, '$.at') END, '') < ?1";
    // Usually even the oldest event is too young to be deleted; then no other row is read.
    let first = format!("SELECT 1 FROM (SELECT event FROM events ORDER BY position LIMIT 1) WHERE {is_old}");
    if !exists(tx, &first, [&oldest])? {
        return Ok(());
    }
    let mut done_to = i64::MAX;
    for &consumer in Consumer::ALL {
        let sql = "SELECT position FROM consumers WHERE name = ?1";
        let done: Option<i64> = find(tx, sql, [consumer.as_ref()], |row| Ok(row.get("position")?))?;
        done_to = done_to.min(done.unwrap_or(0));
    }
    let sql = format!(
        "DELETE FROM events WHERE position IN (SELECT position FROM \
         (SELECT position, event FROM events WHERE position <= ?2 ORDER BY position LIMIT ?3) WHERE {is_old})"
    );
    run(tx, &sql, (&oldest, done_to, FORGOTTEN_AT_ONCE_MAX))?;
    Ok(())
}

fn read_logged(row: &Row<'_>) -> Result<Result<LoggedEvent, Unreadable>, Fault> {
    let position = row.get("position")?;
    read_or_find_unreadable(position, row.json("event").map(|event| LoggedEvent { position, event }))
}
