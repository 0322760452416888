//! The store in MongoDB (a replica set; developed for 8.0). A write is acknowledged once a majority has it in its
//! journal.
//!
//! The data format, for readers of the database:
//! - Ids are the same text as in URLs, logs and events; times are milliseconds since 1970; money is `{amount, currency}`.
//! - `seats` prevents double sales: its `_id` is a screening and a seat, so a seat has one document or none.
//! - An event is stored as its JSON text, with the fields that queries need beside it: event data is free-form, and BSON
//!   cannot represent every key and number of JSON.
//!
//! Writes that belong together are one transaction ([`transaction`]), which is retried after a write conflict. Snapshot
//! isolation allows write skew, so a transaction that depends on a document staying unchanged also writes to it: see
//! [`guards`], the halls and films in [`programme_change`], and the first administrator in [`administrators`].
//!
//! One file implements each port, and all of them use the database through [`conn`].

mod administrators;
mod audit;
mod bookings;
mod call_permits;
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
mod person_documents;
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
mod times;
mod transaction;
mod unreadable;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use mongodb::{Database, bson::doc};
use seatkeeper_core::ports::{Backend, Clock, Health, Store};
use tokio::time::timeout;
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

pub use call_permits::{
    ADMIN_CALLS_AT_ONCE_MAX, ADMIN_CALLS_WAITING_MAX, ADMIN_PERMIT_WITHIN, CALLS_AT_ONCE_MAX, CALLS_WAITING_MAX,
    PERMIT_WITHIN,
};
pub use open::{CALL_FOR_MAX, CONNECT_FOR_MAX, CONNECTIONS_MAX, LOOK_EVERY, OpenError, SELECTION_FOR_MAX, check_url};
pub use schema::{SCHEMA_OLDEST_PROGRAM, SCHEMA_VERSION};
pub use transaction::TRANSACTION_FOR_MAX;

use call_permits::CallPermits;
use clock::StoreClock;
use fault::PART;

/// All ports of the store in one database, and the event log, which administrators list also when Kafka delivers the
/// events.
#[derive(Clone, Debug)]
pub struct MongoStore {
    database: Database,
    permits: CallPermits,
    admin_permits: CallPermits,
    clock: Arc<StoreClock>,
    /// The background task that polls the database's clock, and the queries of administrators.
    tasks: TaskTracker,
    /// Cancels these tasks.
    stop: CancellationToken,
    _stop_with_the_last_clone: Arc<DropGuard>,
}

impl MongoStore {
    /// Connects to the database of `url` (`mongodb://host[,host]/database?replicaSet=…`) and creates missing
    /// collections and indexes. Overrides write concern, read concern and read preference of the URL.
    ///
    /// # Errors
    /// The URL names no database, the server is unreachable or has no transactions, or a newer version of the program
    /// has changed the schema incompatibly.
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        let database = open::connect(open::options_of(url).await?).await?;
        schema::set_up(&database).await?;
        Self::over(database).await
    }

    async fn over(database: Database) -> Result<Self, OpenError> {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let clock = StoreClock::follow(database.clone(), &tasks, stop.clone()).await?;
        let stop_with_the_last_clone = Arc::new(stop.clone().drop_guard());
        let (permits, admin_permits) = (CallPermits::default(), CallPermits::for_administrators());
        Ok(Self {
            database,
            permits,
            admin_permits,
            clock,
            tasks,
            stop,
            _stop_with_the_last_clone: stop_with_the_last_clone,
        })
    }

    /// Ends the background task, and closes the driver's sessions and connections; later calls fail. Returns false when
    /// this takes longer than `within`.
    ///
    /// Without this call the driver shuts down when the last clone of the store is dropped, and panics if the runtime
    /// stops meanwhile.
    pub async fn close(&self, within: Duration) -> bool {
        self.stop.cancel();
        self.tasks.close();
        let closed = async {
            self.tasks.wait().await;
            self.database.client().clone().shutdown().immediate(true).await;
        };
        timeout(within, closed).await.is_ok()
    }

    /// The database's clock, which all servers use.
    #[must_use]
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock) as _
    }
}

impl Store for MongoStore {}

#[async_trait]
impl Health for MongoStore {
    fn part(&self) -> &'static str {
        PART
    }

    /// Makes a small write that a majority must acknowledge, as a health check.
    async fn ping(&self) -> Backend<()> {
        let ping = doc! { "$inc": { "value": 1i64 } };
        self.call_at_once(self.conn().upsert(schema::COUNTERS, doc! { "_id": "pings" }, ping)).await
    }
}
