//! A backup: one file with a consistent copy of the store, made while the server runs, verified before it gets its name.

use std::{io::ErrorKind, path::Path};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::{
    files::{Unfinished, length_of},
    open::connect_beside,
    verify::{CopyError, verify},
};

/// A finished backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackedUp {
    /// Length of the file, in bytes.
    pub bytes: u64,
    /// The number of migrations that have run on it.
    pub version: usize,
}

/// Copies the store into the new file `to`. The copy has one moment's content, because it is made in one read
/// transaction: writes go on meanwhile and never make it start again. The file is synced, private, and complete when it
/// appears.
///
/// # Errors
/// `to` exists, there is no store, one of the files cannot be read or written, or the copy does not pass its
/// verification. Then there is no file `to`.
pub fn back_up(store: &Path, to: &Path) -> Result<BackedUp, CopyError> {
    let to = &std::path::absolute(to).map_err(CopyError::file(to))?;
    if to.symlink_metadata().is_ok() {
        return Err(CopyError::Exists(to.clone()));
    }
    let source = connect_beside(&store.canonicalize().map_err(CopyError::file(store))?)?;
    let unfinished = Unfinished::beside(to, "partial").map_err(CopyError::file(to))?;
    let path = unfinished.path();
    let text = path.to_str().ok_or_else(|| CopyError::NotUtf8(path.to_owned()))?;
    source.execute("VACUUM INTO ?1", [text]).map_err(|error| {
        let is_of_store =
            matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase));
        CopyError::sqlite(if is_of_store { store } else { path })(error)
    })?;
    drop(source);
    let copy = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(CopyError::sqlite(path))?;
    // What is wrong with the copy is wrong with the store.
    let version = verify(&copy, store)?;
    drop(copy);
    let bytes = length_of(path).map_err(CopyError::file(path))?;
    match unfinished.finish(to) {
        Ok(()) => Ok(BackedUp { bytes, version }),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(CopyError::Exists(to.clone())),
        Err(source) => Err(CopyError::File { path: to.clone(), source }),
    }
}
