//! Watches the files of an open store: whether they are still those that were opened, and whether their pages can be
//! read. `GET /readyz` reports a fault while it lasts; the log reports its start and its end, once each.
//!
//! A thread with its own connection compares the files and writes the change mark every few seconds, and checks all
//! pages of the database at longer intervals, so that the checks use a small share of one core and of the disk.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use rusqlite::{Connection, ErrorCode, InterruptHandle};

use super::{
    change_mark::{ChangeMark, count_changes},
    files::{Identity, beside},
    open::{OpenError, connect_reader},
    rows::Fault,
};

/// Interval of comparing the files and writing the change mark.
const LOOK_PERIOD: Duration = Duration::from_secs(2);
/// The shortest pause between two checks of all pages.
const PAGES_PAUSE_MIN: Duration = Duration::from_secs(10);
/// The pause after a check of all pages, as a multiple of the time that the check took: so the checks take at most a
/// thirtieth of the time of one core, whatever the size of the database.
const PAGES_PAUSE_FACTOR: u32 = 30;
/// Page cache of the checking connection, in KiB. It is small and emptied before each check, so that the pages are read
/// from the file.
const CHECK_CACHE_KIB: i64 = 1 << 10;
/// Interval of interrupting the check of a table while the store is being closed.
const INTERRUPT_PERIOD: Duration = Duration::from_millis(1);

/// What is wrong with the files of a store, as far as calls and checks have noticed.
#[derive(Debug, Default)]
pub(super) struct Damage(Mutex<Option<Found>>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Found {
    /// Malformed content stays reported until the program is started again, an error of the disk until a check of all
    /// pages succeeds.
    is_lasting: bool,
    why: String,
}

impl Damage {
    /// Remembers a fault of a read or a write, if it says that the files are damaged.
    pub(super) fn note(&self, fault: &Fault) {
        match fault {
            Fault::Sqlite(error) => self.note_error(error),
            Fault::Json(_) | Fault::Unreadable(_) | Fault::Broken(_) | Fault::Panicked | Fault::TooLong(_) => {}
        }
    }

    pub(super) fn note_error(&self, error: &rusqlite::Error) {
        let is_lasting = match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => true,
            Some(ErrorCode::SystemIoFailure) => false,
            _ => return,
        };
        self.put(Found { is_lasting, why: error.to_string() });
    }

    fn put(&self, found: Found) {
        let mut known = self.0.lock();
        if known.as_ref().is_none_or(|known| !known.is_lasting) {
            *known = Some(found);
        }
    }

    fn found(&self) -> Option<Found> {
        self.0.lock().clone()
    }

    /// Forgets an error of the disk that a check of all pages did not meet again.
    fn forget(&self, before: Option<&Found>) {
        let mut known = self.0.lock();
        if known.as_ref() == before && before.is_some_and(|before| !before.is_lasting) {
            *known = None;
        }
    }
}

/// The files of an open store.
#[derive(Debug)]
pub(super) struct Watch {
    files: Vec<(PathBuf, Identity)>,
    damage: Arc<Damage>,
}

impl Watch {
    /// Remembers the files at `path`, right after they were opened. While a connection is open, SQLite neither deletes
    /// nor replaces any of them.
    pub(super) fn start(path: &Path, damage: Arc<Damage>) -> Result<Self, OpenError> {
        let files = ["", "-wal", "-shm"].map(|suffix| beside(path, suffix)).into_iter();
        let files = files.map(|path| match Identity::at(&path) {
            Ok(identity) => Ok((path, identity)),
            Err(source) => Err(OpenError::File { path, source }),
        });
        Ok(Self { files: files.collect::<Result<_, _>>()?, damage })
    }

    /// What is wrong, for the log. `None` when all is well.
    pub(super) fn find_fault(&self) -> Option<String> {
        self.find_lost_file().or_else(|| self.damage.found().map(|found| found.why))
    }

    fn find_lost_file(&self) -> Option<String> {
        self.files.iter().find_map(|(path, opened)| match Identity::at(path) {
            Ok(found) if found == *opened => None,
            Ok(_) => Some(format!("{} was replaced while it was in use", path.display())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Some(format!("{} was deleted or moved while it was in use", path.display()))
            }
            Err(error) => Some(format!("{}: {error}", path.display())),
        })
    }
}

/// The thread that watches.
pub(super) struct Watcher {
    over: Arc<AtomicBool>,
    stop: Option<Sender<()>>,
    interrupt: Option<InterruptHandle>,
    thread: Option<JoinHandle<()>>,
}

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watcher").finish_non_exhaustive()
    }
}

impl Watcher {
    pub(super) fn start(path: &Path, watch: Arc<Watch>) -> Result<Self, OpenError> {
        let connection = connect_reader(path)?;
        connection.pragma_update(None, "cache_size", -CHECK_CACHE_KIB)?;
        let interrupt = connection.get_interrupt_handle();
        let (stop, stopped) = channel();
        let over = Arc::new(AtomicBool::new(false));
        let mut rounds = Rounds { connection, watch, mark: ChangeMark::of(path), said: None, over: Arc::clone(&over) };
        rounds.look();
        let thread = std::thread::Builder::new().name("store-watcher".to_owned());
        let thread = thread.spawn(move || rounds.run(&stopped)).map_err(OpenError::Thread)?;
        Ok(Self { over, stop: Some(stop), interrupt: Some(interrupt), thread: Some(thread) })
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        drop(self.stop.take());
        let (Some(thread), Some(interrupt)) = (self.thread.take(), self.interrupt.take()) else { return };
        // An interrupt ends only a statement that is running, so it is repeated.
        while !thread.is_finished() {
            interrupt.interrupt();
            std::thread::sleep(INTERRUPT_PERIOD);
        }
        if thread.join().is_err() {
            tracing::error!("the store's watcher had panicked");
        }
    }
}

struct Rounds {
    connection: Connection,
    watch: Arc<Watch>,
    mark: ChangeMark,
    /// The fault that was logged last.
    said: Option<String>,
    over: Arc<AtomicBool>,
}

impl Rounds {
    fn run(&mut self, stopped: &Receiver<()>) {
        let mut check_at = Instant::now() + PAGES_PAUSE_MIN;
        while matches!(stopped.recv_timeout(LOOK_PERIOD), Err(RecvTimeoutError::Timeout)) {
            if Instant::now() >= check_at && self.watch.find_lost_file().is_none() {
                let began = Instant::now();
                self.check_pages();
                check_at = Instant::now() + PAGES_PAUSE_MIN.max(began.elapsed() * PAGES_PAUSE_FACTOR);
            }
            self.look();
        }
        self.look();
    }

    /// Compares the files, writes the change mark, and logs a change of the store's health.
    fn look(&mut self) {
        // While a file is missing, a query could make SQLite create a new one in its place.
        if self.watch.find_lost_file().is_none() {
            match count_changes(&self.connection) {
                Ok(changes) => self.mark.update(changes),
                // An interruption, while the store is being closed, is not damage and is ignored.
                Err(error) => self.watch.damage.note_error(&error),
            }
        }
        self.log_change();
    }

    /// Reads every page of every table and index, one table a transaction, so that the write-ahead log can be emptied
    /// between them.
    fn check_pages(&self) {
        let before = self.watch.damage.found();
        match find_bad_page(&self.connection, &self.over) {
            Ok(None) if self.over.load(Ordering::Relaxed) => {}
            Ok(None) => self.watch.damage.forget(before.as_ref()),
            Ok(Some(why)) => self.watch.damage.put(Found { is_lasting: true, why }),
            Err(error) => self.watch.damage.note_error(&error),
        }
    }

    fn log_change(&mut self) {
        let fault = self.watch.find_fault();
        if fault == self.said {
            return;
        }
        match &fault {
            Some(why) => {
                tracing::error!(why, "the store's files are damaged; the newest sales may be lost at a restart")
            }
            None => tracing::info!("the store's files are well again"),
        }
        self.said = fault;
    }
}

/// The first malformed page, in SQLite's words. Stops early when `over` is set.
pub(super) fn find_bad_page(connection: &Connection, over: &AtomicBool) -> Result<Option<String>, rusqlite::Error> {
    connection.release_memory()?;
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table'";
    let tables: Vec<String> =
        connection.prepare_cached(sql)?.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    for table in tables {
        if over.load(Ordering::Relaxed) {
            break;
        }
        let sql = format!("PRAGMA quick_check(\"{}\")", table.replace('"', "\"\""));
        let said: String = connection.query_row(&sql, [], |row| row.get(0))?;
        if said != "ok" {
            return Ok(Some(format!("table {table}: {said}")));
        }
    }
    Ok(None)
}
