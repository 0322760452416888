//! A restore: a verified copy of a backup takes the place of the database, whose files are moved aside and kept.

use std::{
    fs::{File, TryLockError},
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use rusqlite::{Connection, OpenFlags};

use super::{
    files::{
        Identity, MARK_SUFFIX, Unfinished, beside, create_new, folder_of, length_of, open_existing, remove,
        rename_to_new, sync_folder,
    },
    store_lock::{Missing, StoreLock},
    verify::{CopyError, verify},
};

/// A finished restore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// Length of the database, in bytes.
    pub bytes: u64,
    /// The number of migrations that have run on it.
    pub version: usize,
    /// The files that were moved aside: from where, to where.
    pub moved: Vec<(PathBuf, PathBuf)>,
}

/// Puts a copy of the file `from`, with its write-ahead log if it has one, in the place of the database `store`. What
/// was there, and the `others`, which belong to the old content, are renamed to `NAME.before-DATE`.
///
/// # Errors
/// A server has one of the two files open, `from` is not a whole store of a version that this program knows, or a file
/// cannot be read or written. Then the database is as it was.
pub fn restore(from: &Path, store: &Path, others: &[PathBuf], date: &str) -> Result<Restored, CopyError> {
    let (_lock, store) = StoreLock::take(store, Missing::Leave)?;
    let store = store.as_path();
    let mut source = File::open(from).map_err(CopyError::file(from))?;
    let identity = Identity::of(&source.metadata().map_err(CopyError::file(from))?);
    if Identity::at(store).is_ok_and(|present| present == identity) {
        return Err(CopyError::IsPresent(from.to_owned()));
    }
    // A file system that has no locks, as of some removable disks, has no server either.
    if matches!(source.try_lock_shared(), Err(TryLockError::WouldBlock)) {
        return Err(CopyError::FileInUse(from.to_owned()));
    }
    let copy = Unfinished::beside(store, "restoring").map_err(CopyError::file(store))?;
    // A full disk is the most likely failure, so an error names the new file.
    copy_all(&mut source, from, copy.path()).map_err(CopyError::file(copy.path()))?;
    let version = verify_one_file(&copy, from)?;
    let bytes = length_of(copy.path()).map_err(CopyError::file(copy.path()))?;

    let mut moved = Vec::new();
    let placed = replace(copy, store, date, &mut moved);
    if let Err(source) = placed {
        for (from, to) in moved.iter().rev() {
            if let Err(error) = rename_to_new(to, from) {
                tracing::error!(from = %from.display(), to = %to.display(), %error, "a file could not be moved back");
            }
        }
        return Err(CopyError::File { path: store.to_owned(), source });
    }
    // The mark is deleted only when the database is in place: after a power failure before that, the next start refuses
    // the folder instead of creating an empty database in it.
    let mark = beside(store, MARK_SUFFIX);
    remove(&mark).map_err(CopyError::file(&mark))?;
    for other in others {
        move_aside(other, &free_name(other, date), &mut moved).map_err(CopyError::file(other))?;
    }
    sync_folder(folder_of(store)).map_err(CopyError::file(store))?;
    Ok(Restored { bytes, version, moved })
}

fn copy_all(source: &mut File, from: &Path, to: &Path) -> io::Result<()> {
    io::copy(source, &mut open_existing(to)?)?;
    let log = beside(from, "-wal");
    if length_of(&log)? > 0 {
        io::copy(&mut File::open(log)?, &mut create_new(&beside(to, "-wal"))?)?;
    }
    Ok(())
}

/// Verifies the copy, and makes it one file without a write-ahead log. An error names the file that was copied.
fn verify_one_file(copy: &Unfinished, from: &Path) -> Result<usize, CopyError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE;
    let connection = Connection::open_with_flags(copy.path(), flags).map_err(CopyError::sqlite(from))?;
    let version = verify(&connection, from)?;
    connection.pragma_update(None, "journal_mode", "DELETE").map_err(CopyError::sqlite(from))?;
    Ok(version)
}

/// Moves the database's files aside, and gives the copy its name.
fn replace(copy: Unfinished, store: &Path, date: &str, moved: &mut Vec<(PathBuf, PathBuf)>) -> io::Result<()> {
    // The write-ahead log keeps belonging to the database, so both get the same new name.
    let aside = free_name(store, date);
    for suffix in ["", "-wal", "-shm"] {
        move_aside(&beside(store, suffix), &beside(&aside, suffix), moved)?;
    }
    copy.finish(store)
}

fn free_name(path: &Path, date: &str) -> PathBuf {
    let mut name = beside(path, &format!(".before-{date}"));
    let mut number = 1;
    while name.symlink_metadata().is_ok() {
        number += 1;
        name = beside(path, &format!(".before-{date}-{number}"));
    }
    name
}

fn move_aside(path: &Path, to: &Path, moved: &mut Vec<(PathBuf, PathBuf)>) -> io::Result<()> {
    match rename_to_new(path, to) {
        Ok(()) => moved.push((path.to_owned(), to.to_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    Ok(())
}
