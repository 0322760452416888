//! Opening the file: connection settings, migrations, and the refusal of databases that are missing or empty.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, TransactionBehavior, config::DbConfig};

use super::files::{MARK_SUFFIX, beside, length_of};

/// Busy timeout: how long a connection waits while another process (a backup, a shell) locks the file, in milliseconds.
const BUSY_WAIT_MS_MAX: u64 = 5_000;
/// A checkpoint of the write-ahead log runs after this many pages of 4 KiB. The number is high, because each checkpoint
/// costs two more syncs.
const WAL_PAGES_MAX: u32 = 4_000;
/// After a checkpoint the write-ahead log is truncated to this size, in bytes.
const WAL_BYTES_KEPT_MAX: u32 = 64 << 20;
/// Page cache of each connection, in KiB.
const CACHE_KIB: u32 = 16 << 10;
/// The most prepared statements that each connection caches.
const STATEMENTS_MAX: usize = 256;

/// The migrations, each run once and in this order. `user_version` is the number of migrations that have run. A shipped
/// migration never changes.
pub(super) const MIGRATIONS: [(&str, &str); 12] = [
    ("001_programme", include_str!("../../migrations/001_programme.sql")),
    ("002_people", include_str!("../../migrations/002_people.sql")),
    ("003_ledger", include_str!("../../migrations/003_ledger.sql")),
    ("004_events", include_str!("../../migrations/004_events.sql")),
    ("005_demo_people", include_str!("../../migrations/005_demo_people.sql")),
    ("006_unreadable_events", include_str!("../../migrations/006_unreadable_events.sql")),
    ("007_film_ends", include_str!("../../migrations/007_film_ends.sql")),
    ("008_administrators", include_str!("../../migrations/008_administrators.sql")),
    ("009_reports_and_retention", include_str!("../../migrations/009_reports_and_retention.sql")),
    ("010_thai_titles", include_str!("../../migrations/010_thai_titles.sql")),
    ("011_claims_by_person", include_str!("../../migrations/011_claims_by_person.sql")),
    ("012_thai_hall_names", include_str!("../../migrations/012_thai_hall_names.sql")),
];

/// Why the store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another server has the file open. Only one server may use a file.
    #[error("the store {0:?} is in use by another server")]
    InUse(PathBuf),
    /// There is no database at this path.
    #[error("there is no database {0:?}; only a server creates it, at its first start")]
    Missing(PathBuf),
    /// The database is missing or empty, although a cinema has used the folder. A new cinema would make its next
    /// visitor the administrator.
    #[error(
        "the database {store:?} is missing or empty, but {trace:?} was left by a cinema: put its files back \
         (seatkeeper.db together with seatkeeper.db-wal), or restore a backup with `seatkeeper restore`. To begin a new \
         cinema instead, whose first visitor becomes the administrator, move {trace:?} away"
    )]
    Emptied {
        /// The path of the database.
        store: PathBuf,
        /// The file that shows that there was a cinema.
        trace: PathBuf,
    },
    /// The database lacks changes that it had before: its write-ahead log was lost, or an older copy took its place.
    #[error(
        "the database {store:?} is older than when it was last used (change {found} of {marked}): its write-ahead log \
         seatkeeper.db-wal was lost, or an older copy was put in its place. Put the right files back, or restore a \
         backup with `seatkeeper restore`. To go on without the lost changes, delete {mark:?}"
    )]
    Older {
        /// The path of the database.
        store: PathBuf,
        /// The changes in the database.
        found: u64,
        /// The changes that it had.
        marked: u64,
        /// The file that remembers them.
        mark: PathBuf,
    },
    /// An older program has written the file, and only a server may migrate it.
    #[error(
        "the store was written by an older program (version {found}, this one knows {known}); start the server of this \
         version once, which migrates it"
    )]
    TooOld {
        /// Number of migrations in the file.
        found: usize,
        /// Number of migrations that this program knows.
        known: usize,
    },
    /// A newer program has migrated the file.
    #[error("the store was written by a newer program (version {found}, this one knows {known})")]
    TooNew {
        /// Number of migrations in the file.
        found: usize,
        /// Number of migrations that this program knows.
        known: usize,
    },
    /// A migration failed and was rolled back.
    #[error("migration {name} failed: {source}")]
    Migration {
        /// The name of the migration.
        name: &'static str,
        /// The error of SQLite.
        source: rusqlite::Error,
    },
    /// A file could not be opened, locked or made private.
    #[error("{path:?}: {source}")]
    File {
        /// The path of the file.
        path: PathBuf,
        /// The error of the file system.
        source: std::io::Error,
    },
    /// A thread could not be started.
    #[error("a thread of the store could not be started: {0}")]
    Thread(std::io::Error),
    /// SQLite returned an error.
    #[error("the store: {0}")]
    Sqlite(#[from] rusqlite::Error),
}

/// The only writing connection.
pub(super) fn connect_writer(path: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    set_up_writer(&connection)?;
    Ok(connection)
}

/// A writing connection beside those of a running server. It never creates the file; and when it is the last one to be
/// closed, because the server was killed, it leaves the write-ahead log to the server's next start.
pub(super) fn connect_beside(path: &Path) -> Result<Connection, OpenError> {
    if !has_content(path)? {
        return Err(OpenError::Missing(path.to_owned()));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.busy_timeout(Duration::from_millis(BUSY_WAIT_MS_MAX))?;
    Ok(connection)
}

pub(super) fn set_up_writer(connection: &Connection) -> Result<(), rusqlite::Error> {
    set_up(connection)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "wal_autocheckpoint", WAL_PAGES_MAX)?;
    connection.pragma_update(None, "journal_size_limit", WAL_BYTES_KEPT_MAX)?;
    Ok(())
}

/// A read-only connection of the pool.
pub(super) fn connect_reader(path: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    set_up(&connection)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

fn set_up(connection: &Connection) -> Result<(), rusqlite::Error> {
    connection.busy_timeout(Duration::from_millis(BUSY_WAIT_MS_MAX))?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "cache_size", -i64::from(CACHE_KIB))?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    Ok(())
}

/// The number of migrations that have run on the file; 0 for an empty one.
pub(super) fn version_of(connection: &Connection) -> Result<usize, OpenError> {
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let found = usize::try_from(found).unwrap_or(usize::MAX);
    if found > MIGRATIONS.len() {
        return Err(OpenError::TooNew { found, known: MIGRATIONS.len() });
    }
    Ok(found)
}

/// Runs the missing migrations, each in its own transaction.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), OpenError> {
    let found = version_of(connection)?;
    for (version, (name, sql)) in (1i64..).zip(MIGRATIONS).skip(found) {
        run_migration(connection, version, sql).map_err(|source| OpenError::Migration { name, source })?;
    }
    Ok(())
}

fn run_migration(connection: &mut Connection, version: i64, sql: &str) -> Result<(), rusqlite::Error> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    tx.execute_batch(sql)?;
    tx.pragma_update(None, "user_version", version)?;
    tx.commit()
}

/// Moves the write-ahead log's content into the database file, and empties the log. False when another process reads
/// the store, which then still needs the log.
pub(super) fn empty_log(connection: &Connection) -> Result<bool, rusqlite::Error> {
    let busy: i64 = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    Ok(busy == 0)
}

/// Refuses a database that does not exist or has a length of 0 although a cinema has used it. SQLite must not open it:
/// it would delete a write-ahead log that contains everything.
pub(super) fn refuse_missing(store: &Path, earlier: Option<&Path>) -> Result<(), OpenError> {
    if has_content(store)? {
        return Ok(());
    }
    // The other files are beside the file to which a symbolic link leads.
    let store = &store.canonicalize().unwrap_or_else(|_| store.to_owned());
    refuse_trace(store, &[&beside(store, "-wal"), &beside(store, MARK_SUFFIX)], earlier)
}

/// Refuses a database without tables although a cinema has used it.
pub(super) fn refuse_empty(connection: &Connection, store: &Path, earlier: Option<&Path>) -> Result<(), OpenError> {
    if version_of(connection)? > 0 {
        return Ok(());
    }
    refuse_trace(store, &[&beside(store, MARK_SUFFIX)], earlier)
}

fn refuse_trace(store: &Path, own: &[&Path], earlier: Option<&Path>) -> Result<(), OpenError> {
    for trace in own.iter().copied().chain(earlier) {
        if has_content(trace)? {
            return Err(OpenError::Emptied { store: store.to_owned(), trace: trace.to_owned() });
        }
    }
    Ok(())
}

fn has_content(path: &Path) -> Result<bool, OpenError> {
    let length = length_of(path).map_err(|source| OpenError::File { path: path.to_owned(), source })?;
    Ok(length > 0)
}

/// Ends the leases of a previous process on idempotency keys, the relay and mails. The lock proves that the process has
/// ended, so its work can be retried without waiting for the leases to expire.
pub(super) fn end_leases(connection: &Connection) -> Result<(), OpenError> {
    connection.execute_batch(
        "UPDATE reservations SET lease_until = NULL WHERE lease_until IS NOT NULL;
         DELETE FROM relay_lease;
         UPDATE mails SET due_at = created_at, is_taken = 0 WHERE is_taken = 1;",
    )?;
    Ok(())
}
