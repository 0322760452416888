//! The store in one SQLite file (WAL, `synchronous=FULL`). A write is synced to disk before it is acknowledged.
//!
//! One writer thread batches waiting writes into one commit ([`writer`]); reads run on two small thread pools, one of
//! them for administrators' lists and reports ([`readers`]). Each port has a file of its own; all of them run SQL through
//! [`rows`].

mod administrators;
mod audit;
mod backup;
mod bookings;
mod change_mark;
mod claims;
mod dead_letters;
mod event_log;
mod event_rows;
mod files;
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
mod restore;
mod rows;
mod sales;
mod sales_reports;
mod screenings;
mod sessions;
mod store_lock;
#[cfg(test)]
mod tests;
mod times;
mod unreadable;
mod verify;
mod watch;
mod writer;

use std::{io, path::Path, sync::Arc};

use async_trait::async_trait;
use rusqlite::Transaction;
use seatkeeper_core::ports::{Backend, BackendError, Health, Store};

pub use backup::{BackedUp, back_up};
pub use open::OpenError;
pub use readers::{ADMIN_READ_FOR_MAX, ADMIN_READERS, ADMIN_READS_WAITING_MAX, READERS, READS_WAITING_MAX};
pub use restore::{Restored, restore};
pub use verify::CopyError;
pub use writer::{BATCH_WRITES_MAX, WRITES_WAITING_MAX, WriteCounts};

use plans::Plans;
use readers::Readers;
use rows::{Fault, PART};
use store_lock::{Missing, StoreLock};
use watch::{Damage, Watch, Watcher};
use writer::{AtEnd, Writer};

/// All ports of the store in one SQLite file. Dropping it commits the waiting writes, moves everything into that one
/// file, then unlocks it.
#[derive(Debug)]
pub struct SqliteStore {
    // Fields are dropped in this order: the last connection that is closed is the writer's, which can empty the
    // write-ahead log, and the lock is held until then.
    _watcher: Option<Watcher>,
    readers: Readers,
    admin_readers: Readers,
    writer: Writer,
    plans: Arc<Plans>,
    watch: Option<Arc<Watch>>,
    _lock: Option<StoreLock>,
}

impl SqliteStore {
    /// Opens the file at `path` for the only server that uses it, creates it if it is missing, and runs migrations.
    ///
    /// # Errors
    /// Another server has the file open, a newer version of the program has migrated it, it is older or emptier than it
    /// was, or it cannot be read or written.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        Self::open_after(path, None)
    }

    /// Like [`Self::open`]. `earlier` is a file that only a server writes while it runs, such as the lock log: when it
    /// exists and is not empty, an empty or missing database is refused.
    ///
    /// # Errors
    /// Those of [`Self::open`].
    pub fn open_after(path: &Path, earlier: Option<&Path>) -> Result<Self, OpenError> {
        open::refuse_missing(path, earlier)?;
        let (lock, path) = StoreLock::take(path, Missing::Create)?;
        let mut connection = open::connect_writer(&path)?;
        open::refuse_empty(&connection, &path, earlier)?;
        // Checked before the first write, after which a lost write-ahead log that is put back would no longer match the
        // database file.
        change_mark::refuse_older(&connection, &path)?;
        open::migrate(&mut connection)?;
        open::end_leases(&connection)?;
        // From now on a copy of the database file alone has at least the tables. On a full disk this fails, and the start
        // continues with the write-ahead log as it is.
        if let Err(error) = open::empty_log(&connection) {
            tracing::warn!(%error, "the store's write-ahead log could not be emptied at the start");
        }
        let damage = Arc::<Damage>::default();
        let watch = Arc::new(Watch::start(&path, Arc::clone(&damage))?);
        let watcher = Watcher::start(&path, Arc::clone(&watch))?;
        let readers = Readers::start(&path, &readers::FOR_ALL, &damage)?;
        let admin_readers = Readers::start(&path, &readers::FOR_ADMINISTRATORS, &damage)?;
        let writer = Writer::start(connection, damage, AtEnd::EmptyLog)?;
        let (plans, watch) = (Arc::default(), Some(watch));
        Ok(Self { _watcher: Some(watcher), readers, admin_readers, writer, plans, watch, _lock: Some(lock) })
    }

    /// Opens an existing store beside the running server, without its lock, for commands of an administrator. Nothing
    /// is created or migrated, and the server's leases and its write-ahead log are left alone.
    ///
    /// # Errors
    /// There is no database, its version is not that of this program, or it cannot be read or written.
    pub fn open_beside(path: &Path) -> Result<Self, OpenError> {
        let path = &path.canonicalize().map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => OpenError::Missing(path.to_owned()),
            _ => OpenError::File { path: path.to_owned(), source },
        })?;
        let connection = open::connect_beside(path)?;
        let (found, known) = (open::version_of(&connection)?, open::MIGRATIONS.len());
        if found < known {
            return Err(OpenError::TooOld { found, known });
        }
        open::set_up_writer(&connection)?;
        let damage = Arc::<Damage>::default();
        let readers = Readers::start(path, &readers::FOR_ALL, &damage)?;
        let admin_readers = Readers::start(path, &readers::FOR_ADMINISTRATORS, &damage)?;
        let writer = Writer::start(connection, damage, AtEnd::LeaveLog)?;
        Ok(Self { _watcher: None, readers, admin_readers, writer, plans: Arc::default(), watch: None, _lock: None })
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

    /// Health check: compares the files with those that were opened, asks whether damage was noticed, runs a
    /// transaction on the writer and a query on a reader.
    async fn ping(&self) -> Backend<()> {
        if let Some(why) = self.watch.as_ref().and_then(|watch| watch.find_fault()) {
            return Err(BackendError::retryable(PART, why));
        }
        let read =
            |tx: &Transaction<'_>| rows::count(tx, "SELECT value FROM counters WHERE name = 'programme_revision'", []);
        self.write(move |tx| read(tx)).await?;
        self.read(read).await?;
        Ok(())
    }
}
