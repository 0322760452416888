//! Guards: what makes a claim and a move of its screening meet.
//!
//! A claim reads that the screening is there; a move or deletion reads that nobody has a claim. Each in its own
//! snapshot, they would not see each other and both be made. So a claim writes to one guard of its screening, a move to
//! all of them, and of two transactions that write to the same document one is turned back. There are several guards,
//! chosen by lot at each try, so that buyers rarely wait for each other, and nobody for long when a server dies in the middle
//! of a transaction: the database keeps what that wrote to itself for a while, and the next try takes another guard.

use mongodb::bson::{Document, doc};
use rand::Rng;
use seatkeeper_core::ids::ScreeningId;
use serde::Serialize;

use super::{conn::Conn, fault::Fault, schema::GUARDS};

/// How many guards a screening has.
const GUARDS_PER_SCREENING: u8 = 64;

#[derive(Serialize)]
struct Guard {
    #[serde(rename = "_id")]
    id: GuardKey,
    /// How many claims and moves were made; only the writing matters.
    writes: i64,
}

#[derive(Serialize)]
struct GuardKey {
    screening_id: ScreeningId,
    number: i32,
}

/// The guards of a new screening.
pub(super) async fn make(conn: &mut Conn, screening: ScreeningId) -> Result<(), Fault> {
    let guards = (0..GUARDS_PER_SCREENING).map(|number| {
        let id = GuardKey { screening_id: screening, number: i32::from(number) };
        Guard { id, writes: 0 }
    });
    conn.insert_all(GUARDS, &guards.collect::<Vec<_>>()).await
}

/// Seats of a screening that stays as it was read are about to be claimed.
pub(super) async fn hold(conn: &mut Conn, screening: ScreeningId) -> Result<(), Fault> {
    let number = i32::from(rand::rng().random_range(0..GUARDS_PER_SCREENING));
    let guard = doc! { "_id": { "screening_id": screening.to_string(), "number": number } };
    match conn.update(GUARDS, guard, written()).await? {
        true => Ok(()),
        false => Err(Fault::Broken("a screening without its guards")),
    }
}

/// A screening is about to be moved because nobody has a claim, or to be cancelled whoever has one.
pub(super) async fn hold_all(conn: &mut Conn, screening: ScreeningId) -> Result<(), Fault> {
    conn.update_all(GUARDS, of(screening), written()).await?;
    Ok(())
}

/// A screening is about to be deleted because nobody has a claim.
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
