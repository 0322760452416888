//! The lock log: a file of records that restores locks after a restart. Each record has its length and checksum.
//!
//! A record is the payload's length (`u32`), its CRC-32 and the payload. Reading stops at the first torn or corrupt
//! record; the rest of the file is discarded with a warning.

use std::{
    ffi::OsString,
    fs::{File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use super::record::Record;

/// The first bytes of every log: the file type and the version of its records.
const MAGIC: &[u8; 8] = b"SKLOCKS1";

/// Bytes before a payload: its length and checksum.
const HEAD_BYTES: usize = 8;

/// Mode of the file: only its owner may read or write it.
const FILE_MODE: u32 = 0o600;

/// The longest payload, in bytes. It is several times the size of the largest hall with each seat held and paid by
/// another person.
const RECORD_BYTES_MAX: usize = 4 << 20;

/// The file of a log. Tests replace it with one that fails.
pub(super) trait LogFile: Send {
    /// Appends with one system call, and returns the number of bytes written.
    fn append(&mut self, bytes: &[u8]) -> io::Result<usize>;
    /// Truncates the file.
    fn cut(&mut self, len: u64) -> io::Result<()>;
}

impl LogFile for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write(bytes)
    }

    fn cut(&mut self, len: u64) -> io::Result<()> {
        self.set_len(len)
    }
}

/// An open log.
pub(super) struct Log {
    path: PathBuf,
    file: Box<dyn LogFile>,
    /// Length of the complete records, in bytes.
    len: u64,
    /// Length of the file after the last rewrite, in bytes.
    base: u64,
    /// Whether the file may end with a partly written record.
    is_torn: bool,
    buffer: Vec<u8>,
}

impl Log {
    /// Replaces the file at `path` with a new log that contains the records that `fill` appends.
    pub(super) fn create(path: &Path, fill: impl FnOnce(&mut Image)) -> io::Result<Self> {
        let (file, len) = replace(path, fill)?;
        let buffer = Vec::new();
        Ok(Self { path: path.to_owned(), file: Box::new(file), len, base: len, is_torn: false, buffer })
    }

    /// Replaces this log with a new one that contains the records that `fill` appends. After an error the old log stays
    /// in use.
    pub(super) fn rewrite(&mut self, fill: impl FnOnce(&mut Image)) -> io::Result<()> {
        let (file, len) = replace(&self.path, fill)?;
        self.file = Box::new(file);
        self.is_torn = false;
        (self.len, self.base) = (len, len);
        Ok(())
    }

    /// Appends one record with one `write`. After an error no part of the record is ever read back.
    pub(super) fn append(&mut self, put: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        self.mend()?;
        self.buffer.clear();
        put_record(&mut self.buffer, put)?;
        let written = self.file.append(&self.buffer);
        if matches!(written, Ok(written) if written == self.buffer.len()) {
            self.len += self.buffer.len() as u64;
            return Ok(());
        }
        self.is_torn = true;
        // If truncating the torn record fails, the next append tries it again before it writes.
        let _ = self.mend();
        match written {
            Ok(_) => {
                Err(io::Error::new(io::ErrorKind::StorageFull, "only part of a record was written to the lock log"))
            }
            Err(error) => Err(error),
        }
    }

    /// Whether the log is longer than `bytes` and more than twice its size after the last rewrite.
    pub(super) fn is_longer_than(&self, bytes: u64) -> bool {
        self.len > bytes && self.len / 2 > self.base
    }

    fn mend(&mut self) -> io::Result<()> {
        if self.is_torn {
            self.file.cut(self.len)?;
            self.is_torn = false;
        }
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn replace_file(&mut self, swap: impl FnOnce(Box<dyn LogFile>) -> Box<dyn LogFile>) {
        let file = std::mem::replace(&mut self.file, Box::new(Nowhere));
        self.file = swap(file);
    }
}

#[cfg(test)]
struct Nowhere;

#[cfg(test)]
impl LogFile for Nowhere {
    fn append(&mut self, _: &[u8]) -> io::Result<usize> {
        Ok(0)
    }

    fn cut(&mut self, _: u64) -> io::Result<()> {
        Ok(())
    }
}

/// The content of a new log, before it is written to a file.
pub(super) struct Image {
    bytes: Vec<u8>,
    failed: Option<io::Error>,
}

impl Image {
    pub(super) fn push(&mut self, put: impl FnOnce(&mut Vec<u8>)) {
        let before = self.bytes.len();
        if let Err(error) = put_record(&mut self.bytes, put) {
            self.bytes.truncate(before);
            self.failed = Some(error);
        }
    }
}

/// Reads the intact records of the log at `path`, oldest first; none when there is no file.
pub(super) fn read_log(path: &Path) -> io::Result<Vec<Record>> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let (records, good) = read_records(&bytes);
    if good < bytes.len() {
        let cut = bytes.len() - good;
        tracing::warn!(path = %path.display(), at = good, cut, "the lock log is torn or corrupt; the rest is discarded");
    }
    Ok(records)
}

/// The intact records at the beginning of `bytes`, and the offset at which the last of them ends.
pub(super) fn read_records(bytes: &[u8]) -> (Vec<Record>, usize) {
    let mut records = Vec::new();
    let Some(mut rest) = bytes.strip_prefix(MAGIC) else { return (records, 0) };
    while let Some((record, after)) = read_record(rest) {
        records.push(record);
        rest = after;
    }
    (records, bytes.len() - rest.len())
}

fn read_record(bytes: &[u8]) -> Option<(Record, &[u8])> {
    let (len, rest) = bytes.split_first_chunk()?;
    let (crc, rest) = rest.split_first_chunk()?;
    let len = u32::from_le_bytes(*len) as usize;
    if len > RECORD_BYTES_MAX {
        return None;
    }
    let (payload, rest) = rest.split_at_checked(len)?;
    if crc32fast::hash(payload) != u32::from_le_bytes(*crc) {
        return None;
    }
    // An empty payload, as in a file of zeros after a power failure, has a valid CRC and is refused by `Record::read`.
    Some((Record::read(payload)?, rest))
}

fn put_record(to: &mut Vec<u8>, put: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
    let start = to.len();
    to.extend([0; HEAD_BYTES]);
    put(to);
    let payload = start + HEAD_BYTES;
    let len = to.len() - payload;
    if len > RECORD_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "the change is too large for the lock log"));
    }
    let crc = crc32fast::hash(&to[payload..]);
    to[start..start + 4].copy_from_slice(&u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes());
    to[start + 4..payload].copy_from_slice(&crc.to_le_bytes());
    Ok(())
}

/// Replaces the log at `path` atomically, with a rename.
fn replace(path: &Path, fill: impl FnOnce(&mut Image)) -> io::Result<(File, u64)> {
    let mut image = Image { bytes: MAGIC.to_vec(), failed: None };
    fill(&mut image);
    if let Some(error) = image.failed {
        return Err(error);
    }
    let mut new_path = OsString::from(path);
    new_path.push(".new");
    match std::fs::remove_file(&new_path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().append(true).create_new(true).mode(FILE_MODE).open(&new_path)?;
    file.write_all(&image.bytes)?;
    std::fs::rename(&new_path, path)?;
    Ok((file, image.bytes.len() as u64))
}
