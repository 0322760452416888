//! Writing events to the outbox, in the transaction of the change that they report.

use rusqlite::Transaction;
use seatkeeper_core::event::Event;

use super::rows::{Fault, StoredId, json_of, ms, run};

/// Adds events to the outbox within the caller's transaction. An event whose id exists already is skipped.
pub(super) fn put_events(tx: &Transaction<'_>, events: &[Event]) -> Result<(), Fault> {
    let sql = "INSERT INTO outbox (id, at, event) VALUES (?1, ?2, ?3) ON CONFLICT (id) DO NOTHING";
    for event in events {
        run(tx, sql, (event.id.bytes(), ms(event.at), json_of(event)?))?;
    }
    Ok(())
}
