//! The seat boards of all screenings. Every change of a board is logged before it is published.

use std::{
    collections::HashMap,
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use parking_lot::{Mutex, RwLock};
use seatkeeper_core::{
    ids::{PersonId, ScreeningId},
    locks::{Effects, Hold, LiveEvent, LockEntry, LongestTimes, Millis, Release, SeatBoard},
    ports::{Backend, BackendError, Clock, DidNothing},
};

use super::{
    PART,
    log::{Image, Log, read_log},
    pending::Pending,
    record::{Record, ReleaseName, put_change, put_forgotten, put_ping},
    watched_board::WatchedBoard,
};

/// A seat board without locks and subscribers that was not used for this time, in milliseconds, is dropped. It can be
/// loaded from the store again.
pub const BOARD_IDLE_MS: Millis = 60 * 60 * 1_000;

/// The most seat boards in memory. A cinema has some hundred future screenings.
pub const BOARDS_MAX: usize = 100_000;

/// The log is rewritten when it is longer than this, in bytes, and more than twice as long as after the last rewrite.
pub const LOG_REWRITE_BYTES: u64 = 4 << 20;

/// The lock store in this process. Its mutexes are locked in the order of the fields, and never held across an await.
pub struct MemoryLocks {
    clock: Arc<dyn Clock>,
    longest: LongestTimes,
    /// The time of the last sweep. A sweep at an earlier time finds that the clock was set back.
    swept_at: AtomicI64,
    boards: RwLock<HashMap<ScreeningId, Mutex<WatchedBoard>>>,
    pending: Mutex<Pending>,
    /// The log from which locks are restored; `None` when locks need not survive the process.
    log: Option<Mutex<Log>>,
}

impl MemoryLocks {
    /// Opens a lock store with a log at `path`, and restores the locks in that log. Only one process may open a log;
    /// the caller's lock on the folder ensures that. Restored locks last no longer than `longest`, because the clock may have
    /// been set back.
    ///
    /// # Errors
    /// The log cannot be read or written. A corrupt log is not an error: it is read up to the first corrupt record.
    pub fn open(path: &Path, clock: Arc<dyn Clock>, longest: LongestTimes) -> Backend<Self> {
        let mut locks = Self { longest, ..Self::unlogged(clock) };
        let now = locks.now();
        for record in read_log(path).map_err(|error| BackendError::retryable(PART, error))? {
            locks.replay(record);
        }
        for watched in locks.boards.get_mut().values_mut() {
            let watched = watched.get_mut();
            // The log is rewritten below, and nobody watches yet, so these changes need no record and no message.
            drop(watched.board.limit_times(now, &longest));
            watched.due = watched.board.next_expiry().unwrap_or(Millis::MAX);
        }
        let log = Log::create(path, |image| locks.write_all(image));
        locks.log = Some(Mutex::new(log.map_err(|error| BackendError::retryable(PART, error))?));
        Ok(locks)
    }

    /// The screenings with locks. Right after `open` these are the screenings whose locks were restored. A restored
    /// seat board has no sold seats, so the number of free seats is unknown until the board is loaded from the store.
    #[must_use]
    pub fn list_restored(&self) -> Vec<ScreeningId> {
        let boards = self.boards.read();
        boards.iter().filter(|(_, watched)| watched.lock().board.has_locks()).map(|(screening, _)| *screening).collect()
    }

    /// Every hold of every person, for the counts of the use cases after a restart.
    #[must_use]
    pub fn list_holds(&self) -> Vec<(ScreeningId, PersonId, Hold)> {
        let (now, boards) = (self.now(), self.boards.read());
        let holds = boards.iter().flat_map(|(screening, watched)| {
            let holds = watched.lock().board.list_holds(now);
            holds.into_iter().map(|(person, hold)| (*screening, person, hold))
        });
        holds.collect()
    }

    /// A lock store without a log, for simulations and tests.
    #[must_use]
    pub fn unlogged(clock: Arc<dyn Clock>) -> Self {
        let swept_at = AtomicI64::new(clock.now().as_millisecond());
        let longest = LongestTimes::default();
        Self { clock, longest, swept_at, boards: RwLock::default(), pending: Mutex::default(), log: None }
    }

    pub(super) fn now(&self) -> Millis {
        self.clock.now().as_millisecond()
    }

    /// Runs `work` on the screening's seat board. `None` if there is no board, which means the same as an empty board
    /// that is not loaded.
    pub(super) fn with_board<R>(
        &self,
        screening: ScreeningId,
        work: impl FnOnce(&mut WatchedBoard, Millis) -> R,
    ) -> Option<R> {
        let boards = self.boards.read();
        let mut watched = boards.get(&screening)?.lock();
        let now = self.now();
        watched.used_at = now;
        Some(work(&mut watched, now))
    }

    /// Runs `work` on the screening's seat board, which is created if it does not exist.
    ///
    /// # Errors
    /// There are [`BOARDS_MAX`] seat boards already, and none of this screening.
    pub(super) fn with_new_board<R>(
        &self,
        screening: ScreeningId,
        work: impl FnOnce(&mut WatchedBoard, Millis) -> R,
    ) -> Backend<R> {
        let mut work = Some(work);
        loop {
            let done = self.with_board(screening, |watched, now| work.take().map(|work| work(watched, now)));
            if let Some(done) = done.flatten() {
                return Ok(done);
            }
            let mut boards = self.boards.write();
            if boards.len() >= BOARDS_MAX && !boards.contains_key(&screening) {
                return Err(BackendError::retryable(PART, "too many screenings at once"));
            }
            boards.entry(screening).or_insert_with(|| Mutex::new(WatchedBoard::new(screening, self.now())));
        }
    }

    /// Changes a seat board, logs the change, and publishes it. If the change cannot be logged, it is undone and an
    /// error is returned.
    pub(super) fn change<R>(
        &self,
        watched: &mut WatchedBoard,
        call: impl FnOnce(&mut SeatBoard) -> (R, Effects),
    ) -> Backend<R> {
        let (reply, effects) = call(&mut watched.board);
        let mut soonest = watched.due;
        let written = self.write_down(&watched.board, &effects, &mut soonest);
        if let Err(error) = written {
            watched.board.undo(effects);
            return Err(BackendError::retryable(PART, DidNothing(error.to_string())));
        }
        watched.due = soonest;
        if !effects.releases.is_empty() {
            self.pending.lock().push(effects.releases);
        }
        if let Some(change) = effects.live {
            watched.publish(LiveEvent::Seats(change));
        }
        Ok(reply)
    }

    fn write_down(&self, board: &SeatBoard, effects: &Effects, soonest: &mut Millis) -> io::Result<()> {
        let mut entries = board.entries_after(effects).inspect(|entry| match *entry {
            LockEntry::Lock { until, .. } | LockEntry::Payment { until, .. } => *soonest = until.min(*soonest),
            LockEntry::NoLock { .. } | LockEntry::NoPayment { .. } => {}
        });
        let first = entries.next();
        if first.is_none() && effects.releases.is_empty() {
            return Ok(());
        }
        let entries = first.into_iter().chain(entries);
        match &self.log {
            Some(log) => {
                let (screening, releases) = (board.screening(), effects.releases.iter());
                log.lock().append(|to| put_change(to, screening, board.seq(), entries, releases))
            }
            None => {
                entries.for_each(drop);
                Ok(())
            }
        }
    }

    /// Shortens the locks of one seat board that would last too long after the clock was set back.
    fn limit_times(&self, watched: &mut WatchedBoard, now: Millis) -> Backend<()> {
        watched.used_at = watched.used_at.min(now);
        self.change(watched, |board| ((), board.limit_times(now, &self.longest)))?;
        watched.due = watched.board.next_expiry().unwrap_or(Millis::MAX);
        Ok(())
    }

    /// Removes the expired locks and payment locks of one seat board.
    pub(super) fn sweep_board(&self, watched: &mut WatchedBoard, now: Millis) -> Backend<()> {
        if watched.due <= now {
            self.change(watched, |board| ((), board.sweep(now)))?;
            watched.due = watched.board.next_expiry().unwrap_or(Millis::MAX);
        }
        Ok(())
    }

    /// Removes the expired locks and payment locks of all seat boards, drops idle boards, and compacts the log. If the
    /// change of one board cannot be logged, the others are still swept.
    pub(super) fn sweep_all(&self) -> Backend<()> {
        let now = self.now();
        let idle_since = now.saturating_sub(BOARD_IDLE_MS);
        let mut failed = None;
        let mut has_idle = false;
        let swept_at = self.swept_at.swap(now, Ordering::Relaxed);
        let is_set_back = now < swept_at;
        if is_set_back {
            tracing::warn!(
                by_ms = swept_at - now,
                "the clock was set back; locks last their own time from now at most"
            );
        }
        for watched in self.boards.read().values() {
            let mut watched = watched.lock();
            if is_set_back && let Err(error) = self.limit_times(&mut watched, now) {
                // The next sweep tries again.
                self.swept_at.store(swept_at, Ordering::Relaxed);
                failed = Some(error);
            }
            if let Err(error) = self.sweep_board(&mut watched, now) {
                failed = Some(error);
            }
            has_idle |= watched.is_idle(idle_since);
        }
        if has_idle {
            self.boards.write().retain(|_, watched| !watched.get_mut().is_idle(idle_since));
        }
        self.shorten_log();
        failed.map_or(Ok(()), Err)
    }

    fn shorten_log(&self) {
        let Some(log) = &self.log else { return };
        if !log.lock().is_longer_than(LOG_REWRITE_BYTES) {
            return;
        }
        // The write lock on the boards excludes changes while the log is rewritten.
        let mut boards = self.boards.write();
        let pending = self.pending.lock();
        if let Err(error) = log.lock().rewrite(|image| write_all(image, &mut boards, &pending)) {
            tracing::warn!(%error, "the lock log could not be rewritten; the next sweep tries again");
        }
    }

    pub(super) fn list_pending(&self, of: Option<ScreeningId>, limit: usize) -> Vec<Release> {
        self.pending.lock().list(of, limit)
    }

    pub(super) fn forget_pending(&self, copied: &[Release]) -> Backend<()> {
        let copied: Vec<ReleaseName> = copied.iter().filter_map(ReleaseName::of).collect();
        if copied.is_empty() {
            return Ok(());
        }
        let mut pending = self.pending.lock();
        self.append(|to| put_forgotten(to, &copied))?;
        pending.forget(&copied);
        Ok(())
    }

    /// Appends an empty record, for health checks.
    pub(super) fn try_log(&self) -> Backend<()> {
        self.append(put_ping)
    }

    fn append(&self, put: impl FnOnce(&mut Vec<u8>)) -> Backend<()> {
        let written = self.log.as_ref().map_or(Ok(()), |log| log.lock().append(put));
        written.map_err(|error| BackendError::retryable(PART, error))
    }

    fn replay(&mut self, record: Record) {
        match record {
            Record::Change { screening, seq, entries, releases } => {
                let now = self.now();
                let watched = self.boards.get_mut().entry(screening);
                let watched = watched.or_insert_with(|| Mutex::new(WatchedBoard::new(screening, now)));
                watched.get_mut().board.restore(seq, entries);
                self.pending.get_mut().push(releases);
            }
            Record::Forgotten(copied) => self.pending.get_mut().forget(&copied),
            Record::Ping => {}
        }
    }

    fn write_all(&mut self, image: &mut Image) {
        write_all(image, self.boards.get_mut(), self.pending.get_mut());
    }

    #[cfg(test)]
    pub(super) fn count_boards(&self) -> usize {
        self.boards.read().len()
    }

    #[cfg(test)]
    pub(super) fn log(&self) -> &Mutex<Log> {
        self.log.as_ref().expect("a log")
    }
}

/// Writes all locks and all releases that are not in the outbox yet, to be restored after a restart.
fn write_all(image: &mut Image, boards: &mut HashMap<ScreeningId, Mutex<WatchedBoard>>, pending: &Pending) {
    for watched in boards.values_mut() {
        let board = &watched.get_mut().board;
        if board.has_locks() {
            image.push(|to| put_change(to, board.screening(), board.seq(), board.entries(), [].iter()));
        }
    }
    for release in pending.iter() {
        let none = std::iter::empty();
        image.push(|to| put_change(to, release.screening, release.seq, none, [release].into_iter()));
    }
}
