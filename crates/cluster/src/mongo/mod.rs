//! The store in MongoDB (a replica set; 8.0 is what it is written for): what was answered is on the disks of a
//! majority.
//!
//! How it looks in the database, for whoever opens a shell:
//! - Ids are the text that addresses, logs and events show; times are milliseconds since 1970; money is `{amount,
//!   currency}`.
//! - `seats` is the law: its `_id` is a screening and a seat, so a seat has one document or none.
//! - An event is kept as the JSON in which it travels, with what lists need beside it: its data is free-form, and BSON
//!   does not know every key and number that JSON does.
//!
//! Everything that belongs together is one transaction ([`transaction`]), tried again when it met another. A snapshot
//! does not see what it would have to see to be refused ("write skew"), so whoever relies on something staying as it is
//! writes to it: see [`guards`], the halls and films in [`programme_change`], and the first administrator in
//! [`people`].
//!
//! One file for each port; all of them speak to the database through [`conn`].

mod audit;
mod bookings;
mod claims;
mod clock;
mod conn;
mod dead_letters;
mod documents;
mod event_log;
mod fault;
mod guards;
mod ledger;
mod ledger_commit;
mod ledger_start;
mod mail;
mod mock_book;
mod open;
mod outbox;
mod pages;
mod payments;
mod people;
mod prices;
mod programme;
mod programme_change;
mod reservations;
mod sales;
mod sales_reports;
mod schema;
mod screenings;
mod sessions;
#[cfg(test)]
mod tests;
mod transaction;
mod turns;
mod unreadable;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use mongodb::{Database, bson::doc};
use seatkeeper_core::ports::{Backend, Clock, Health};
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

pub use open::{CALL_FOR_MAX, CONNECT_FOR_MAX, CONNECTIONS_MAX, LOOK_EVERY, OpenError, SELECTION_FOR_MAX, check_url};
pub use schema::{SCHEMA_OLDEST_PROGRAM, SCHEMA_VERSION};
pub use transaction::TRANSACTION_FOR_MAX;
pub use turns::{CALLS_AT_ONCE_MAX, CALLS_WAITING_MAX, TURN_WITHIN};

use clock::StoreClock;
use turns::Turns;

/// What its failures are filed under.
const PART: &str = "store";

/// All store ports, and the event log that administrators list, over one database.
#[derive(Clone, Debug)]
pub struct MongoStore {
    database: Database,
    turns: Turns,
    clock: Arc<StoreClock>,
    /// Ends what goes on behind the scenes.
    stop: CancellationToken,
    _stop_with_the_last_clone: Arc<DropGuard>,
}

impl MongoStore {
    /// Connects to the database that `url` names (`mongodb://host[,host]/database?replicaSet=…`), creates what is
    /// missing of its collections and indexes, and is then ready. What the URL says of durability and of whom to read
    /// is overruled.
    ///
    /// # Errors
    /// When the URL names no database, the server cannot be reached or knows no transactions, or a newer program has
    /// changed the store in a way that this one does not understand.
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        let database = open::connect(open::options_of(url).await?).await?;
        schema::set_up(&database).await?;
        Self::over(database).await
    }

    async fn over(database: Database) -> Result<Self, OpenError> {
        let stop = CancellationToken::new();
        let clock = StoreClock::follow(database.clone(), stop.clone()).await?;
        let stop_with_the_last_clone = Arc::new(stop.clone().drop_guard());
        let turns = Turns::default();
        Ok(Self { database, turns, clock, stop, _stop_with_the_last_clone: stop_with_the_last_clone })
    }

    /// Ends its sessions and connections; no call works afterwards. Answers false when that was not done `within`.
    ///
    /// Without it the driver does the same by itself when the last clone is dropped, and panics when the runtime ends
    /// meanwhile.
    pub async fn close(&self, within: Duration) -> bool {
        self.stop.cancel();
        timeout(within, self.database.client().clone().shutdown().immediate(true)).await.is_ok()
    }

    /// The database's clock, by which all of its servers go.
    #[must_use]
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock) as _
    }
}

#[async_trait]
impl Health for MongoStore {
    fn part(&self) -> &'static str {
        PART
    }

    /// A majority takes a write.
    async fn ping(&self) -> Backend<()> {
        let ping = doc! { "$inc": { "value": 1i64 } };
        self.call_at_once(self.conn().upsert(schema::COUNTERS, doc! { "_id": "pings" }, ping)).await
    }
}
