//! The files of the store: their names, their privacy, and steps on them that are durable and overwrite nothing.
//!
//! No function here opens and closes a database that SQLite has open in this process: closing any descriptor of a file
//! drops all of the process's `fcntl` locks on it, and SQLite relies on those.

use std::{
    ffi::OsString,
    fs::{self, File, Metadata, OpenOptions},
    io::{self, ErrorKind},
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{CWD, RenameFlags, renameat_with},
    io::Errno,
};

/// What the name of the change mark (see `change_mark`) adds to that of the database.
pub(super) const MARK_SUFFIX: &str = ".mark";

/// Mode of the store's files: only their owner may read or write them.
const PRIVATE_MODE: u32 = 0o600;
/// The permissions of everybody but the owner.
const OTHERS_MODE: u32 = 0o077;

/// The path of the file that belongs to `path` and has its name with `suffix`, such as `-wal`.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

/// The folder of a file; the current one for a bare name.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Opens a file for reading and writing, and creates it if it is missing: private, and owned like its folder when root
/// creates it, so that the server's own user can open it later.
pub(super) fn open_or_create(path: &Path) -> io::Result<File> {
    match open_existing(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        opened => return opened,
    }
    match create_new(path) {
        // Another process has created it meanwhile.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => open_existing(path),
        created => created,
    }
}

/// Opens an existing file for reading and writing.
pub(super) fn open_existing(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open(path)
}

/// Creates a private file; see [`open_or_create`].
pub(super) fn create_new(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(PRIVATE_MODE).open(path)?;
    if rustix::process::geteuid().is_root() {
        let folder = fs::metadata(folder_of(path))?;
        fchown(&file, Some(folder.uid()), Some(folder.gid()))?;
    }
    Ok(file)
}

/// Removes everybody else's permissions from a file, if it exists. It is not opened.
pub(super) fn make_private(path: &Path) -> io::Result<()> {
    let mode = match fs::metadata(path) {
        Ok(metadata) => metadata.permissions().mode(),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if mode & OTHERS_MODE == 0 {
        return Ok(());
    }
    fs::set_permissions(path, fs::Permissions::from_mode(mode & !OTHERS_MODE & 0o7777))
}

/// The length of a file in bytes; 0 when there is none.
pub(super) fn length_of(path: &Path) -> io::Result<u64> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(metadata.len()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error),
    }
}

/// The device and inode of a file: equal for all links to it, and different after the file was replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }

    pub(super) fn at(path: &Path) -> io::Result<Self> {
        Ok(Self::of(&fs::metadata(path)?))
    }
}

/// Renames a file durably. An existing file at `to` is an error, and never overwritten.
pub(super) fn rename_to_new(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Ok(()) => {}
        // This file system does not know the flag. A hard link overwrites nothing either.
        Err(Errno::INVAL | Errno::NOSYS) => {
            fs::hard_link(from, to)?;
            fs::remove_file(from)?;
        }
        Err(error) => return Err(error.into()),
    }
    sync_folder(folder_of(to))
}

/// Syncs a folder, so that new and changed names in it are durable.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// A file with an unfinished content. It is removed when it is dropped, unless it was renamed.
#[derive(Debug)]
pub(super) struct Unfinished {
    path: PathBuf,
}

impl Unfinished {
    /// Creates an empty private file beside `target`, with this process's id in its name.
    pub(super) fn beside(target: &Path, suffix: &str) -> io::Result<Self> {
        let path = beside(target, &format!(".{suffix}-{}", std::process::id()));
        // Left over by a killed process that had the same id.
        remove(&path)?;
        drop(create_new(&path)?);
        Ok(Self { path })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Syncs the file and renames it to `target`, which must not exist.
    pub(super) fn finish(self, target: &Path) -> io::Result<()> {
        File::open(&self.path)?.sync_all()?;
        rename_to_new(&self.path, target)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        for path in ["", "-wal", "-shm", "-journal"].map(|suffix| beside(&self.path, suffix)) {
            if let Err(error) = remove(&path) {
                tracing::warn!(path = %path.display(), %error, "an unfinished file could not be removed");
            }
        }
    }
}

/// Removes a file, if it exists.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
