//! The change mark: a file beside the database that remembers how many changes the database had. A database that has
//! fewer at a start has lost its write-ahead log, or is an older copy.
//!
//! The mark is written every few seconds and not synced, so it may be older than the database, but never newer.

use std::{
    fs, io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use rusqlite::Connection;

use super::{
    files::{MARK_SUFFIX, beside, open_or_create},
    open::OpenError,
};

/// A number that grows with every sale and every new person, and never shrinks, whatever is deleted.
pub(super) fn count_changes(connection: &Connection) -> Result<u64, rusqlite::Error> {
    let sql = "SELECT coalesce((SELECT max(rowid) FROM people), 0) \
         + coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'outbox'), 0)";
    let changes: i64 = connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
    Ok(u64::try_from(changes).unwrap_or(0))
}

/// Refuses a database that is older than its mark. A mark that is missing or unreadable, as after a power failure,
/// proves nothing.
pub(super) fn refuse_older(connection: &Connection, store: &Path) -> Result<(), OpenError> {
    let mark = beside(store, MARK_SUFFIX);
    let Some(marked) = read_mark(&mark) else { return Ok(()) };
    let found = count_changes(connection)?;
    if found < marked {
        return Err(OpenError::Older { store: store.to_owned(), found, marked, mark });
    }
    Ok(())
}

fn read_mark(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// Writes the mark of an open database.
#[derive(Debug)]
pub(super) struct ChangeMark {
    path: PathBuf,
    /// The number in the file, or `None` before the first write and after a failed one.
    written: Option<u64>,
    has_failed: bool,
}

impl ChangeMark {
    pub(super) fn of(store: &Path) -> Self {
        Self { path: beside(store, MARK_SUFFIX), written: None, has_failed: false }
    }

    /// Writes the number of changes, if it is a new one. A failure is logged once: the mark only detects losses.
    pub(super) fn update(&mut self, changes: u64) {
        if self.written == Some(changes) {
            return;
        }
        match write_mark(&self.path, changes) {
            Ok(()) => (self.written, self.has_failed) = (Some(changes), false),
            Err(error) => {
                if !std::mem::replace(&mut self.has_failed, true) {
                    tracing::warn!(path = %self.path.display(), %error, "the change mark could not be written");
                }
            }
        }
    }
}

/// Overwrites the mark in place. Its length never changes, so this needs no space on a full disk.
fn write_mark(path: &Path, changes: u64) -> io::Result<()> {
    open_or_create(path)?.write_all_at(format!("{changes:020}\n").as_bytes(), 0)
}
