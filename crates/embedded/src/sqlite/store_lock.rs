//! The locks that refuse a second server on the same database, whatever name leads to it.

use std::{
    fs::{File, TryLockError},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use super::{
    files::{Identity, beside, make_private, open_existing, open_or_create},
    open::OpenError,
};

/// The locks of one server on its database. The operating system unlocks them when the process ends, also after a
/// crash.
#[derive(Debug)]
pub(super) struct StoreLock {
    /// `flock` on the database itself: symbolic links, hard links and bind mounts lead to the same file. It is
    /// independent of SQLite's own `fcntl` locks, but closing this descriptor would drop those; so it is closed after
    /// SQLite's connections. `None` when there is no database yet.
    _database: Option<File>,
    /// The `.lock` file beside the database: the only one that version 0.1.0 locks.
    _beside: File,
}

/// Whether a missing database is created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    Create,
    Leave,
}

impl StoreLock {
    /// Locks the database at `path`, and makes its files private. Returns also its path without symbolic links, beside
    /// which SQLite has its other files.
    pub(super) fn take(path: &Path, missing: Missing) -> Result<(Self, PathBuf), OpenError> {
        let failed = |source| OpenError::File { path: path.to_owned(), source };
        let opened = match missing {
            Missing::Create => open_or_create(path).map(Some),
            Missing::Leave => match open_existing(path) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
                opened => opened.map(Some),
            },
        };
        let database = opened.map_err(failed)?.map(|file| try_lock(file, path, path)).transpose()?;
        let Some(database) = database else {
            return Ok((Self { _database: None, _beside: lock_beside(path, path)? }, path.to_owned()));
        };
        let real = path.canonicalize().map_err(failed)?;
        let metadata = database.metadata().map_err(failed)?;
        // The file may have been renamed between opening and locking it.
        if Identity::at(&real).map_err(failed)? != Identity::of(&metadata) {
            return Err(failed(std::io::Error::other("it was replaced while it was opened")));
        }
        if metadata.nlink() > 1 {
            tracing::warn!(path = %real.display(), "the database has several names (hard links); always use the same \
                one, because the write-ahead log belongs to the name");
        }
        for private in ["", "-wal", "-shm"].map(|suffix| beside(&real, suffix)) {
            make_private(&private).map_err(|source| OpenError::File { path: private, source })?;
        }
        let beside = lock_beside(&real, path)?;
        Ok((Self { _database: Some(database), _beside: beside }, real))
    }
}

fn lock_beside(real: &Path, given: &Path) -> Result<File, OpenError> {
    let path = beside(real, ".lock");
    let file = open_or_create(&path).map_err(|source| OpenError::File { path: path.clone(), source })?;
    try_lock(file, &path, given)
}

/// Locks `file`, which is at `path`. An error names the store as it was `given`.
fn try_lock(file: File, path: &Path, given: &Path) -> Result<File, OpenError> {
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            // If the other server is in this process, closing the descriptor would drop the locks of its SQLite.
            std::mem::forget(file);
            Err(OpenError::InUse(given.to_owned()))
        }
        Err(TryLockError::Error(source)) => Err(OpenError::File { path: path.to_owned(), source }),
    }
}
