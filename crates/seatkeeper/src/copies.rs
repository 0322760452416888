//! The commands `backup` and `restore`.

use std::path::Path;

use jiff::Timestamp;
use seatkeeper_core::ports::Clock;
use seatkeeper_embedded::sqlite::{self, CopyError};

use crate::{
    config::{StorePlace, StoreUrl},
    data_folder::{self, FolderError, FolderLock, LOCK_LOG},
    system::SystemClock,
};

/// Why a store could not be backed up or restored.
#[derive(Debug, thiserror::Error)]
pub enum CopyFailure {
    /// The store is MongoDB, which has its own tools for backups.
    #[error("store_url: a MongoDB store has its own tools: {0}")]
    Mongo(&'static str),
    /// The data folder cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The store cannot be copied.
    #[error(transparent)]
    Copy(#[from] CopyError),
}

/// Copies the store into the new file `to`, also while the server runs. Returns sentences for the operator.
///
/// # Errors
/// The store cannot be read, or `to` cannot be created; the error is a sentence for the operator.
pub fn back_up(place: &StorePlace, to: &Path) -> Result<String, CopyFailure> {
    let store = file_of(place, "back it up with mongodump")?;
    let done = sqlite::back_up(store, to)?;
    let (size, version) = (mebibytes(done.bytes), done.version);
    Ok(format!("{} is backed up to {}: {size}, schema version {version}, verified\n", store.display(), to.display()))
}

/// Replaces the store by a copy of the backup `from` while no server uses the store. Returns sentences for the
/// operator.
///
/// # Errors
/// A server uses the store, or the backup cannot be read or copied; the error is a sentence for the operator. The store
/// is unchanged then.
pub fn restore(place: &StorePlace, from: &Path) -> Result<String, CopyFailure> {
    let store = file_of(place, "restore the dump of mongodump with mongorestore")?;
    data_folder::make_private(&place.data_dir)?;
    data_folder::create_for(&place.store)?;
    let _lock = FolderLock::take(&place.data_dir)?;
    let done = sqlite::restore(from, store, &[place.data_dir.join(LOCK_LOG)], &date_for_names(SystemClock.now()))?;
    let (size, version) = (mebibytes(done.bytes), done.version);
    let mut said =
        format!("{} is restored to {}: {size}, schema version {version}, verified\n", from.display(), store.display());
    for (from, to) in &done.moved {
        said += &format!("{} was moved to {}\n", from.display(), to.display());
    }
    Ok(said)
}

fn file_of<'a>(place: &'a StorePlace, instead: &'static str) -> Result<&'a Path, CopyFailure> {
    match &place.store {
        StoreUrl::Sqlite { path } => Ok(path),
        StoreUrl::Mongo { .. } => Err(CopyFailure::Mongo(instead)),
    }
}

/// A time that can be a part of a file's name: `2026-11-30T15-04-05Z`.
fn date_for_names(now: Timestamp) -> String {
    now.strftime("%Y-%m-%dT%H-%M-%SZ").to_string()
}

fn mebibytes(bytes: u64) -> String {
    // Tenths of a mebibyte.
    let tenths = bytes.saturating_mul(10) >> 20;
    format!("{}.{} MiB", tenths / 10, tenths % 10)
}
