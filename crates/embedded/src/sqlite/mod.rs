//! The store in one SQLite file (WAL, `synchronous=FULL`). A write is synced to disk before it is acknowledged.
//!
//! One writer thread batches waiting writes into one commit ([`writer`]); reads run on two small thread pools, one of
//! them for administrators' lists and reports ([`readers`]). Each port has a file of its own; all of them run SQL through [`rows`].

mod administrators;
mod audit;
mod bookings;
mod claims;
mod dead_letters;
mod event_log;
mod event_rows;
mod ledger;
mod ledger_commit;
mod ledger_start;
mod mail;
mod mock_book;
mod open;
mod outbox;
mod payments;
mod people;
mod person_rows;
mod plans;
mod programme;
mod programme_change;
mod readers;
mod reservations;
mod rows;
mod sales;
mod sales_reports;
mod screenings;
mod sessions;
#[cfg(test)]
mod tests;
mod unreadable;
mod writer;

use std::{fs::File, path::Path, sync::Arc};

use async_trait::async_trait;
use rusqlite::{Connection, Transaction};
use seatkeeper_core::ports::{Backend, Health, Store};

pub use open::OpenError;
pub use readers::{ADMIN_READ_FOR_MAX, ADMIN_READERS, ADMIN_READS_WAITING_MAX, READERS, READS_WAITING_MAX};
pub use writer::{BATCH_WRITES_MAX, WRITES_WAITING_MAX, WriteCounts};

use plans::Plans;
use readers::Readers;
use rows::{Fault, PART};
use writer::Writer;

/// All ports of the store in one SQLite file. Dropping it commits the waiting writes, then unlocks the file.
#[derive(Debug)]
pub struct SqliteStore {
    // Fields are dropped in this order, so that the file is unlocked after the writer thread has ended.
    writer: Writer,
    readers: Readers,
    admin_readers: Readers,
    plans: Arc<Plans>,
    /// `None` beside a running server, which holds the lock.
    _lock: Option<File>,
}

impl SqliteStore {
    /// Opens the file at `path`, creates it if it is missing, and runs migrations.
    ///
    /// # Errors
    /// Another server has the file open, a newer version of the program has migrated it, or it cannot be read or
    /// written.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let lock = open::lock_file(path)?;
        let mut connection = open::connect_writer(path)?;
        open::migrate(&mut connection)?;
        open::end_leases(&connection)?;
        Self::start(path, connection, Some(lock))
    }

    /// Opens the file for an operator's command, whether or not a server has it open; SQLite serialises the writes of
    /// both. The lock is taken only to create or migrate the file, and released at once.
    ///
    /// # Errors
    /// As for [`Self::open`], or the file must be migrated while a server has it open.
    pub fn open_beside(path: &Path) -> Result<Self, OpenError> {
        let mut connection = open::connect_writer(path)?;
        if !open::is_migrated(&connection)? {
            let in_use = |error| if let OpenError::InUse(path) = error { OpenError::InUseByOlder(path) } else { error };
            let lock = open::lock_file(path).map_err(in_use)?;
            open::migrate(&mut connection)?;
            drop(lock);
        }
        Self::start(path, connection, None)
    }

    fn start(path: &Path, connection: Connection, lock: Option<File>) -> Result<Self, OpenError> {
        let readers = Readers::start(path, &readers::FOR_ALL)?;
        let admin_readers = Readers::start(path, &readers::FOR_ADMINISTRATORS)?;
        let writer = Writer::start(connection)?;
        Ok(Self { writer, readers, admin_readers, plans: Arc::default(), _lock: lock })
    }

    /// The numbers of writes and commits since the store was opened.
    #[must_use]
    pub fn write_counts(&self) -> WriteCounts {
        self.writer.counts()
    }

    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Backend<T> {
        self.writer.run(work).await
    }

    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Backend<T> {
        self.readers.run(work).await
    }

    /// A read for an administrator's list or report, which may be long.
    async fn admin_read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Backend<T> {
        self.admin_readers.run(work).await
    }
}

impl Store for SqliteStore {}

#[async_trait]
impl Health for SqliteStore {
    fn part(&self) -> &'static str {
        PART
    }

    /// Health check: runs a transaction on the writer and a query on a reader.
    async fn ping(&self) -> Backend<()> {
        let read =
            |tx: &Transaction<'_>| rows::count(tx, "SELECT value FROM counters WHERE name = 'programme_revision'", []);
        self.write(move |tx| read(tx)).await?;
        self.read(read).await?;
        Ok(())
    }
}
