//! Opening the file: the lock against a second server, connection settings, migrations.

use std::{
    ffi::OsString,
    fs::{File, OpenOptions, TryLockError},
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

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
pub(super) const MIGRATIONS: [(&str, &str); 10] = [
    ("001_programme", include_str!("../../migrations/001_programme.sql")),
    ("002_people", include_str!("../../migrations/002_people.sql")),
    ("003_ledger", include_str!("../../migrations/003_ledger.sql")),
    ("004_events", include_str!("../../migrations/004_events.sql")),
    ("005_demo_people", include_str!("../../migrations/005_demo_people.sql")),
    ("006_unreadable_events", include_str!("../../migrations/006_unreadable_events.sql")),
    ("007_film_ends", include_str!("../../migrations/007_film_ends.sql")),
    ("008_administrators", include_str!("../../migrations/008_administrators.sql")),
    ("009_reports_and_retention", include_str!("../../migrations/009_reports_and_retention.sql")),
    ("012_thai_titles", include_str!("../../migrations/012_thai_titles.sql")),
];

/// Why the store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another server has the file open. Only one server may use a file.
    #[error("the store {0:?} is in use by another server")]
    InUse(PathBuf),
    /// A server of an older version has the file open, so the file cannot be migrated.
    #[error("the store {0:?} is in use by a server of an older version; upgrade that server first")]
    InUseByOlder(PathBuf),
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
    /// The lock file could not be opened or locked.
    #[error("{path:?}: {source}")]
    File {
        /// The path of the lock file.
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

/// Locks the `.lock` file beside the store. The operating system unlocks it when the process ends, also after a crash.
pub(super) fn lock_file(store: &Path) -> Result<File, OpenError> {
    let mut name = OsString::from(store);
    name.push(".lock");
    let path = PathBuf::from(name);
    let opened = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    let file = opened.map_err(|source| OpenError::File { path: path.clone(), source })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(store.to_owned())),
        Err(TryLockError::Error(source)) => Err(OpenError::File { path, source }),
    }
}

/// The only writing connection.
pub(super) fn connect_writer(path: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    set_up(&connection)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "wal_autocheckpoint", WAL_PAGES_MAX)?;
    connection.pragma_update(None, "journal_size_limit", WAL_BYTES_KEPT_MAX)?;
    Ok(connection)
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

/// Whether all migrations have run.
///
/// # Errors
/// A newer program has migrated the file.
pub(super) fn is_migrated(connection: &Connection) -> Result<bool, OpenError> {
    Ok(count_migrations(connection)? == MIGRATIONS.len())
}

fn count_migrations(connection: &Connection) -> Result<usize, OpenError> {
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let found = usize::try_from(found).unwrap_or(usize::MAX);
    if found > MIGRATIONS.len() {
        return Err(OpenError::TooNew { found, known: MIGRATIONS.len() });
    }
    Ok(found)
}

/// Runs the missing migrations, each in its own transaction.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), OpenError> {
    let found = count_migrations(connection)?;
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

/// Ends the leases of a previous process on idempotency keys, the relay and mails. The lock file proves that the
/// process has ended, so its work can be retried without waiting for the leases to expire.
pub(super) fn end_leases(connection: &Connection) -> Result<(), OpenError> {
    connection.execute_batch(
        "UPDATE reservations SET lease_until = NULL WHERE lease_until IS NOT NULL;
         DELETE FROM relay_lease;
         UPDATE mails SET due_at = created_at, is_taken = 0 WHERE is_taken = 1;",
    )?;
    Ok(())
}
