//! Measures by how many bytes the store's file grows for each released seat: a release passes the outbox and the event
//! log to the audit log.
//!
//! ```text
//! cargo run --release -p seatkeeper-embedded --example release_bytes -- 10000
//! ```

#![expect(clippy::print_stdout, reason = "a measurement is printed")]

use std::{error::Error, path::Path};

use jiff::SignedDuration;
use rusqlite::Connection;
use seatkeeper_core::{
    event::Event,
    ids::{PersonId, ScreeningId, SeatId},
    locks::{Release, ReleaseReason},
    ports::{AuditLog, Consumer, EventLog, Outbox},
};
use seatkeeper_embedded::sqlite::SqliteStore;
use seatkeeper_testing::{SeededEntropy, sample_now};
use uuid::Uuid;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// As many events as the workers move at once when one person releases seats as fast as possible.
const AT_ONCE: i64 = 2;
const RELAY: Uuid = Uuid::from_u128(1);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let releases: i64 = std::env::args().nth(1).map_or(Ok(10_000), |text| text.parse())?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("store.sqlite");
    let (store, ids) = (SqliteStore::open(&path)?, SeededEntropy::new(3));
    let before = sizes(&path)?;
    let (screening, holder) = (ScreeningId::from_uuid(ids.next_uuid()), PersonId::from_uuid(ids.next_uuid()));
    let mut position = 0;
    for first in (0..releases).step_by(usize::try_from(AT_ONCE)?) {
        let now = sample_now() + SignedDuration::from_millis(100 * first);
        let release = |number: i64| Release {
            screening,
            seq: u64::try_from(now.as_millisecond() + number).unwrap_or(0),
            holder,
            seats: SeatId::parse("A12").into_iter().collect(),
            reason: ReleaseReason::UserUnlocked,
            at: now.as_millisecond(),
        };
        let events: Vec<Event> = (0..AT_ONCE).map(|number| Event::of_release(&release(number))).collect();
        store.append_events(&events).await?;
        store.take_relay_lease(RELAY, now, now + SignedDuration::from_secs(10)).await?;
        let unsent = store.list_unsent(RELAY, 256).await?;
        store.publish(&unsent).await?;
        store.mark_sent(RELAY, &unsent.iter().map(|event| event.id).collect::<Vec<_>>()).await?;
        store.append_audit(&unsent).await?;
        position += AT_ONCE;
        for consumer in Consumer::ALL {
            store.acknowledge(*consumer, position).await?;
        }
    }
    drop(store);
    let after = sizes(&path)?;
    let mut all = 0;
    for ((name, before), (_, after)) in before.iter().zip(&after) {
        all += after - before;
        if after > before {
            println!("{:6} bytes a release  {name}", (after - before) / releases);
        }
    }
    println!("{:6} bytes a release in all", all / releases);
    Ok(())
}

/// The bytes of each table with its indexes.
fn sizes(path: &Path) -> Outcome<Vec<(String, i64)>> {
    let file = Connection::open(path)?;
    let sql =
        "SELECT m.tbl_name, sum(d.pgsize) FROM dbstat d JOIN sqlite_schema m ON m.name = d.name GROUP BY 1 ORDER BY 1";
    let mut statement = file.prepare(sql)?;
    let sizes = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(sizes.collect::<Result<_, _>>()?)
}
