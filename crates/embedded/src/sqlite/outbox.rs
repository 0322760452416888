//! The outbox. Events are written in the transaction of the change that they report, and wait for the relay to publish
//! them to the event log.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use rusqlite::{Row, Transaction};
use seatkeeper_core::{
    event::Event,
    ids::EventId,
    ports::{Backend, Outbox},
};
use uuid::Uuid;

use super::{
    SqliteStore,
    event_rows::put_events,
    rows::{Columns, Fault, StoredId, count, exists, find, list, ms, run},
    unreadable::{Origin, read_or_find_unreadable},
};

/// How long a sent event stays in the outbox, to deduplicate events that are appended again. Later duplicates are still
/// refused by the event log's unique id.
const SENT_AGE_MAX: SignedDuration = SignedDuration::from_hours(24);
/// The most sent events that one renewal of the relay's lease deletes.
const FORGOTTEN_AT_ONCE_MAX: u32 = 200;

/// Unsent events, oldest first, from a partial index.
pub(super) const UNSENT: &str = "SELECT seq, id, event FROM outbox WHERE sent = 0 ORDER BY seq LIMIT ?1";

#[async_trait]
impl Outbox for SqliteStore {
    async fn append_events(&self, events: &[Event]) -> Backend<()> {
        if events.is_empty() {
            return Ok(());
        }
        let events = events.to_vec();
        self.write(move |tx| put_events(tx, &events)).await
    }

    async fn take_relay_lease(&self, relay: Uuid, now: Timestamp, until: Timestamp) -> Backend<bool> {
        let sql = "INSERT INTO relay_lease (one, relay, lease_until) VALUES (1, ?1, ?2) ON CONFLICT (one) DO UPDATE \
             SET relay = excluded.relay, lease_until = excluded.lease_until \
             WHERE relay = excluded.relay OR lease_until <= ?3";
        self.write(move |tx| {
            let has_lease = run(tx, sql, (relay.bytes(), ms(until), ms(now)))? == 1;
            if has_lease {
                forget_sent(tx, now)?;
            }
            Ok(has_lease)
        })
        .await
    }

    async fn find_relay(&self, now: Timestamp) -> Backend<Option<Uuid>> {
        let sql = "SELECT relay FROM relay_lease WHERE lease_until > ?1";
        self.read(move |tx| find(tx, sql, [ms(now)], |row| row.id("relay"))).await
    }

    async fn list_unsent(&self, relay: Uuid, limit: u32) -> Backend<Vec<Event>> {
        let read = move |tx: &Transaction<'_>| match has_lease(tx, relay)? {
            true => list(tx, UNSENT, [limit], |row| read_or_find_unreadable(row.get("seq")?, read_unsent(row))),
            false => Ok(Vec::new()),
        };
        self.read_events(Origin::Outbox, read).await
    }

    async fn mark_sent(&self, relay: Uuid, ids: &[EventId]) -> Backend<()> {
        if ids.is_empty() {
            return Ok(());
        }
        let ids = ids.to_vec();
        self.write(move |tx| {
            // This relay has lost its lease: the relay that has it now publishes these events again, and the event log
            // deduplicates them.
            if !has_lease(tx, relay)? {
                return Ok(());
            }
            for id in &ids {
                run(tx, "UPDATE outbox SET sent = 1 WHERE id = ?1", [id.bytes()])?;
            }
            Ok(())
        })
        .await
    }

    async fn has_unsent(&self) -> Backend<bool> {
        self.read(|tx| exists(tx, "SELECT 1 FROM outbox WHERE sent = 0 LIMIT 1", [])).await
    }

    async fn count_unsent(&self) -> Backend<u64> {
        self.read(|tx| count(tx, "SELECT count(*) FROM outbox WHERE sent = 0", [])).await
    }
}

fn read_unsent(row: &Row<'_>) -> Result<Event, Fault> {
    let (id, event): (Vec<u8>, Event) = (row.get("id")?, row.json("event")?);
    // `mark_sent` finds rows by the event's id. If the row had another id, the event would be published again and
    // again.
    if id == event.id.bytes() { Ok(event) } else { Err(Fault::Broken("the event has another id than its row")) }
}

fn has_lease(tx: &Transaction<'_>, relay: Uuid) -> Result<bool, Fault> {
    exists(tx, "SELECT 1 FROM relay_lease WHERE relay = ?1", [relay.bytes()])
}

fn forget_sent(tx: &Transaction<'_>, now: Timestamp) -> Result<(), Fault> {
    let sql = "DELETE FROM outbox WHERE seq IN \
         (SELECT seq FROM outbox WHERE sent = 1 AND at <= ?1 ORDER BY at LIMIT ?2)";
    let oldest = now.saturating_sub(SENT_AGE_MAX).unwrap_or(Timestamp::UNIX_EPOCH);
    run(tx, sql, (ms(oldest), FORGOTTEN_AT_ONCE_MAX))?;
    Ok(())
}
