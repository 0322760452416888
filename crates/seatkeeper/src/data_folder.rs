//! The data folder: private to the user that runs the program, and used by one server at a time.

use std::{
    ffi::OsStr,
    fs::{self, DirBuilder, File, Metadata, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use crate::config::{MailUrl, StoreUrl};

/// File name of the lock log.
pub(crate) const LOCK_LOG: &str = "locks.log";
/// Mode of created folders: everything for the owner, nothing for others.
const FOLDER_MODE: u32 = 0o700;
/// The permissions of everybody but the owner.
const OTHERS_MODE: u32 = 0o077;
/// Names that may occur in any folder, so that they do not show that other programs use it. Names that begin with a dot
/// are treated alike.
const NEUTRAL_NAMES: [&str; 1] = ["lost+found"];
/// Beginnings of the names of the program's own files and folders.
const OWN_NAMES: [&str; 3] = ["seatkeeper", LOCK_LOG, "mail"];

/// Why the data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It cannot be created or read.
    #[error("the data folder {path:?}: {source}")]
    Unusable {
        /// The folder.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// It is a symbolic link whose target does not exist.
    #[error("the data folder {path:?} is a symbolic link to {target:?}, which does not exist")]
    Dangling {
        /// The folder.
        path: PathBuf,
        /// The target of the link.
        target: PathBuf,
    },
    /// Other users can read it, and the program may or should not change that.
    #[error(
        "other users have access to the data folder {path:?} (mode {mode:o}), and {why}. It gets names, addresses and \
         sessions: choose a folder that the program has for itself, or take the access away with chmod 700"
    )]
    Shared {
        /// The folder.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
        /// Why the program does not change them.
        why: &'static str,
    },
    /// Another server uses it.
    #[error("the data folder {0:?} is in use by another server")]
    InUse(PathBuf),
}

/// The lock of a server on its data folder, until the end of the process. It is on the folder itself, so that every
/// path to it leads to the same lock, and there is no lock file that could be removed.
#[derive(Debug)]
pub struct FolderLock {
    _folder: File,
}

impl FolderLock {
    /// Locks the folder, in which only one server may have a lock log.
    ///
    /// # Errors
    /// Another server has locked it, or it cannot be opened.
    pub fn take(path: &Path) -> Result<Self, FolderError> {
        let unusable = |source| FolderError::Unusable { path: path.to_owned(), source };
        let folder = File::open(path).map_err(unusable)?;
        match folder.try_lock() {
            Ok(()) => Ok(Self { _folder: folder }),
            Err(TryLockError::WouldBlock) => Err(FolderError::InUse(path.to_owned())),
            Err(TryLockError::Error(source)) => Err(unusable(source)),
        }
    }
}

/// Creates the folder if it is missing, and removes the permissions of other users from an existing one.
///
/// # Errors
/// It cannot be created, belongs to somebody else, or is evidently shared with other programs.
pub fn make_private(path: &Path) -> Result<(), FolderError> {
    create(path)?;
    let unusable = |source| FolderError::Unusable { path: path.to_owned(), source };
    let metadata = fs::metadata(path).map_err(unusable)?;
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & OTHERS_MODE == 0 {
        return Ok(());
    }
    let refused = |why| FolderError::Shared { path: path.to_owned(), mode, why };
    if let Some(why) = reason_to_leave(&metadata, path).map_err(unusable)? {
        return Err(refused(why));
    }
    fs::set_permissions(path, fs::Permissions::from_mode(mode & !OTHERS_MODE))
        .map_err(|_| refused("they cannot be changed"))
}

/// Creates a folder and its parents, private, if it is missing. An existing one stays as it is.
///
/// # Errors
/// It cannot be created.
pub(crate) fn create(path: &Path) -> Result<(), FolderError> {
    DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(path).map_err(|source| match fs::read_link(path) {
        Ok(target) if !path.exists() => FolderError::Dangling { path: path.to_owned(), target },
        Ok(_) | Err(_) => FolderError::Unusable { path: path.to_owned(), source },
    })
}

/// Why the folder's permissions must not be changed: it is not the program's own.
fn reason_to_leave(metadata: &Metadata, path: &Path) -> io::Result<Option<&'static str>> {
    const STICKY: u32 = 0o1000;
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Ok(Some("it belongs to another user"));
    }
    if metadata.permissions().mode() & STICKY != 0 {
        return Ok(Some("it is a folder for the files of all users"));
    }
    // Removing the permissions of other users from a system folder such as /etc would break the machine.
    let (mut has_own, mut has_others) = (false, false);
    for entry in fs::read_dir(path)? {
        let name = entry?.file_name();
        has_own |= is_own(&name);
        has_others |= !is_own(&name) && !is_neutral(&name);
    }
    Ok((has_others && !has_own).then_some("it has files of other programs"))
}

fn is_own(name: &OsStr) -> bool {
    OWN_NAMES.iter().any(|own| name.as_encoded_bytes().starts_with(own.as_bytes()))
}

fn is_neutral(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".") || NEUTRAL_NAMES.iter().any(|neutral| name == *neutral)
}

/// Finds a file that shows that a server has used this data folder before. Then a missing or empty database means that
/// data was lost, not that the cinema is new.
pub(crate) fn find_trace(data_dir: &Path, mail: &MailUrl) -> Option<PathBuf> {
    let log = data_dir.join(LOCK_LOG);
    if fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
        return Some(log);
    }
    match mail {
        // Several cinemas may share a mail folder outside of the data folder.
        MailUrl::File { dir } if dir.starts_with(data_dir) => {
            let mut entries = fs::read_dir(dir).ok()?.filter_map(Result::ok).map(|entry| entry.path());
            entries.find(|path| fs::metadata(path).is_ok_and(|mail| mail.is_file() && mail.len() > 0))
        }
        MailUrl::File { .. } | MailUrl::Smtp { .. } => None,
    }
}

/// Creates the folder of a database that is outside of the data folder.
pub(crate) fn create_for(store: &StoreUrl) -> Result<(), FolderError> {
    match store {
        StoreUrl::Sqlite { path } => match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            Some(folder) => create(folder),
            None => Ok(()),
        },
        StoreUrl::Mongo { .. } => Ok(()),
    }
}
