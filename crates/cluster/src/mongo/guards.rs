//! Guard documents make a claim on seats conflict with a concurrent move of its screening.
//!
//! The transaction of a claim reads that the screening exists; that of a move or deletion reads that there are no
//! claims. With snapshot isolation alone both could commit (write skew). So a claim writes to one guard of its
//! screening and a move writes to all of them: of two transactions that write to the same document, MongoDB fails one
//! with a write conflict. A screening has several guards, and each attempt of a claim chooses a random one, so that
//! buyers rarely conflict with each other. When a server dies in the middle of a transaction, the guard stays locked
//! for a while; a retry most likely chooses another guard.

use mongodb::bson::{Document, doc};
use rand::Rng;
use seatkeeper_core::ids::ScreeningId;
use serde::Serialize;

use super::{conn::Conn, fault::Fault, schema::GUARDS};

const GUARDS_PER_SCREENING: u8 = 64;

#[derive(Serialize)]
struct Guard {
    #[serde(rename = "_id")]
    id: GuardKey,
    /// Number of writes to this guard. The value is never read; incrementing it causes the write conflict.
    writes: i64,
}

#[derive(Serialize)]
struct GuardKey {
    screening_id: ScreeningId,
    number: i32,
}

/// Creates the guards of a new screening.
pub(super) async fn make(conn: &mut Conn, screening: ScreeningId) -> Result<(), Fault> {
    let guards = (0..GUARDS_PER_SCREENING).map(|number| {
        let id = GuardKey { screening_id: screening, number: i32::from(number) };
        Guard { id, writes: 0 }
    });
    conn.insert_all(GUARDS, &guards.collect::<Vec<_>>()).await
}

/// Writes to one random guard of the screening, before seats of it are claimed or sold.
pub(super) async fn hold(conn: &mut Conn, screening: ScreeningId) -> Result<(), Fault> {
    let number = i32::from(rand::rng().random_range(0..GUARDS_PER_SCREENING));
    let guard = doc! { "_id": { "screening_id": screening.to_string(), "number": number } };
    match conn.update(GUARDS, guard, written()).await? {
        true => Ok(()),
        false => Err(Fault::Broken("a screening has no guards")),
    }
}

/// Writes to all guards of the screening, before it is moved (which requires that it has no claims) or cancelled.
pub(super) async fn hold_all(conn: &mut Conn, screening: ScreeningId) -> Result<(), Fault> {
    conn.update_all(GUARDS, of(screening), written()).await?;
    Ok(())
}

/// Deletes all guards of a screening without claims, before the screening is deleted.
pub(super) async fn remove(conn: &mut Conn, screening: ScreeningId) -> Result<(), Fault> {
    conn.delete(GUARDS, of(screening)).await?;
    Ok(())
}

fn of(screening: ScreeningId) -> Document {
    doc! { "_id.screening_id": screening.to_string() }
}

fn written() -> Document {
    doc! { "$inc": { "writes": 1i64 } }
}
