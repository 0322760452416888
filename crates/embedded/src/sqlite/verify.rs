//! Verifies that a file is a whole and readable store, before a backup gets its name and before a restore replaces
//! anything.

use std::{
    io,
    path::{Path, PathBuf},
};

use rusqlite::{Connection, ErrorCode};

use super::open::{OpenError, version_of};

/// Tables that every version of the store has.
const TABLES: [&str; 3] = ["counters", "people", "bookings"];

/// Why a store could not be copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The store cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The file of the backup exists.
    #[error("{0:?} exists already; a backup overwrites nothing")]
    Exists(PathBuf),
    /// SQLite opens only paths that are UTF-8.
    #[error("{0:?} is not UTF-8")]
    NotUtf8(PathBuf),
    /// The file is not a store.
    #[error("{0:?} is not a database of Seatkeeper")]
    Foreign(PathBuf),
    /// The file is a store, with malformed or missing content.
    #[error("{path:?} is damaged: {why}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What a check found.
        why: String,
    },
    /// The file to restore is that of a running server.
    #[error("{0:?} is in use by a server; copy it with `seatkeeper backup`, and restore that copy")]
    FileInUse(PathBuf),
    /// The file to restore is the database that it would replace.
    #[error("{0:?} is the present database")]
    IsPresent(PathBuf),
    /// SQLite returned an error.
    #[error("{path:?}: {source}")]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// The error of SQLite.
        source: rusqlite::Error,
    },
    /// The file system returned an error.
    #[error("{path:?}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// The error of the file system.
        source: io::Error,
    },
}

impl CopyError {
    pub(super) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        |source| Self::File { path, source }
    }

    pub(super) fn sqlite(path: &Path) -> impl FnOnce(rusqlite::Error) -> Self {
        let path = path.to_owned();
        |source| match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt) => Self::Damaged { path, why: source.to_string() },
            _ => Self::Sqlite { path, source },
        }
    }
}

/// Reads the whole database at `path`, and checks its pages, indexes and references. Returns the number of its
/// migrations.
pub(super) fn verify(connection: &Connection, path: &Path) -> Result<usize, CopyError> {
    let version = match version_of(connection) {
        Err(OpenError::Sqlite(source)) => return Err(CopyError::Sqlite { path: path.to_owned(), source }),
        version => version?,
    };
    if let Some(why) = check(connection).map_err(CopyError::sqlite(path))? {
        return Err(CopyError::Damaged { path: path.to_owned(), why });
    }
    if version == 0 || !has_tables(connection).map_err(CopyError::sqlite(path))? {
        return Err(CopyError::Foreign(path.to_owned()));
    }
    Ok(version)
}

fn check(connection: &Connection) -> Result<Option<String>, rusqlite::Error> {
    let said: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if said != "ok" {
        return Ok(Some(said));
    }
    let mut orphans = connection.prepare("PRAGMA foreign_key_check")?;
    let orphan = orphans.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(2)?)))?.next();
    Ok(orphan.transpose()?.map(|(table, parent)| format!("a row of {table} refers to a missing row of {parent}")))
}

fn has_tables(connection: &Connection) -> Result<bool, rusqlite::Error> {
    let mut exists = connection.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1")?;
    for table in TABLES {
        if !exists.exists([table])? {
            return Ok(false);
        }
    }
    Ok(true)
}
