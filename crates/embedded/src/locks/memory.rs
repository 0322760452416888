//! All boards, and the one way in which a call changes one.

use std::{collections::HashMap, io, path::Path, sync::Arc};

use parking_lot::{Mutex, RwLock};
use seatkeeper_core::{
    ids::ScreeningId,
    locks::{Effects, Kept, LiveEvent, Millis, Release, SeatBoard},
    ports::{Backend, BackendError, Clock},
};

use super::{
    PART,
    log::{Image, Log, read_log},
    pending::Pending,
    record::{Record, ReleaseName, put_change, put_ping, put_told},
    room::Room,
};

/// A board without locks and watchers that nobody has asked for so long, in milliseconds, is dropped; the store knows
/// the rest.
pub const BOARD_IDLE_MS: Millis = 60 * 60 * 1_000;

/// The most boards at once. A cinema has some hundred showings to come.
pub const BOARDS_MAX: usize = 100_000;

/// The log is rewritten when it is longer than this many bytes and twice what it needs.
pub const LOG_REWRITE_BYTES: u64 = 4 << 20;

/// Seat locks in this process. Mutexes are taken in the order of the fields, and never across an await.
pub struct MemoryLocks {
    clock: Arc<dyn Clock>,
    rooms: RwLock<HashMap<ScreeningId, Mutex<Room>>>,
    pending: Mutex<Pending>,
    /// `None`: locks that do not survive the process.
    log: Option<Mutex<Log>>,
}

impl MemoryLocks {
    /// Locks that survive the process in a log at `path`; brings back those that are written there. Only one process
    /// may have the same log open: the store's own lock on its file sees to that.
    ///
    /// # Errors
    /// When the log can be neither read nor written. What it holds is no reason: it is cut where it makes no sense.
    pub fn open(path: &Path, clock: Arc<dyn Clock>) -> Backend<Self> {
        let mut locks = Self::unlogged(clock);
        for record in read_log(path).map_err(|error| BackendError::retryable(PART, error))? {
            locks.replay(record);
        }
        for room in locks.rooms.get_mut().values_mut() {
            let room = room.get_mut();
            room.due = room.board.next_expiry().unwrap_or(Millis::MAX);
        }
        let log = Log::create(path, |image| locks.write_all(image));
        locks.log = Some(Mutex::new(log.map_err(|error| BackendError::retryable(PART, error))?));
        Ok(locks)
    }

    /// Screenings with locks that came back from the log. Until one of them is loaded nobody can tell how many of its seats
    /// are free.
    #[must_use]
    pub fn list_restored(&self) -> Vec<ScreeningId> {
        let rooms = self.rooms.read();
        rooms.iter().filter(|(_, room)| room.lock().board.has_locks()).map(|(screening, _)| *screening).collect()
    }

    /// Locks that end with the process: for simulations and tests.
    #[must_use]
    pub fn unlogged(clock: Arc<dyn Clock>) -> Self {
        Self { clock, rooms: RwLock::default(), pending: Mutex::default(), log: None }
    }

    pub(super) fn now(&self) -> Millis {
        self.clock.now().as_millisecond()
    }

    /// Works on a board that is there; `None` when there is none, which is an empty board that is not loaded.
    pub(super) fn with_room<R>(&self, screening: ScreeningId, work: impl FnOnce(&mut Room, Millis) -> R) -> Option<R> {
        let rooms = self.rooms.read();
        let mut room = rooms.get(&screening)?.lock();
        let now = self.now();
        room.used_at = now;
        Some(work(&mut room, now))
    }

    /// Works on a board, a new one if there is none.
    ///
    /// # Errors
    /// When there are [`BOARDS_MAX`] others.
    pub(super) fn with_new_room<R>(
        &self,
        screening: ScreeningId,
        work: impl FnOnce(&mut Room, Millis) -> R,
    ) -> Backend<R> {
        let mut work = Some(work);
        loop {
            let done = self.with_room(screening, |room, now| work.take().map(|work| work(room, now)));
            if let Some(done) = done.flatten() {
                return Ok(done);
            }
            let mut rooms = self.rooms.write();
            if rooms.len() >= BOARDS_MAX && !rooms.contains_key(&screening) {
                return Err(BackendError::retryable(PART, "too many screenings at once"));
            }
            rooms.entry(screening).or_insert_with(|| Mutex::new(Room::new(screening, self.now())));
        }
    }

    /// Does one call: changes the board, writes it down, tells it. What cannot be written down is taken back.
    pub(super) fn change<R>(&self, room: &mut Room, call: impl FnOnce(&mut SeatBoard) -> (R, Effects)) -> Backend<R> {
        let (reply, effects) = call(&mut room.board);
        let mut soonest = room.due;
        let written = self.write_down(&room.board, &effects, &mut soonest);
        if let Err(error) = written {
            room.board.undo(effects);
            return Err(BackendError::retryable(PART, error));
        }
        room.due = soonest;
        if !effects.releases.is_empty() {
            self.pending.lock().push(effects.releases);
        }
        if let Some(change) = effects.live {
            room.publish(LiveEvent::Seats(change));
        }
        Ok(reply)
    }

    fn write_down(&self, board: &SeatBoard, effects: &Effects, soonest: &mut Millis) -> io::Result<()> {
        let mut kept = board.kept_after(effects).inspect(|kept| match *kept {
            Kept::Lock { until, .. } | Kept::Payment { until, .. } => *soonest = until.min(*soonest),
            Kept::NoLock { .. } | Kept::NoPayment { .. } => {}
        });
        let first = kept.next();
        if first.is_none() && effects.releases.is_empty() {
            return Ok(());
        }
        let kept = first.into_iter().chain(kept);
        match &self.log {
            Some(log) => {
                let (screening, releases) = (board.screening(), effects.releases.iter());
                log.lock().append(|to| put_change(to, screening, board.seq(), kept, releases))
            }
            None => {
                kept.for_each(drop);
                Ok(())
            }
        }
    }

    /// Ends what has run out on a board.
    pub(super) fn sweep_room(&self, room: &mut Room, now: Millis) -> Backend<()> {
        if room.due <= now {
            self.change(room, |board| ((), board.sweep(now)))?;
            room.due = room.board.next_expiry().unwrap_or(Millis::MAX);
        }
        Ok(())
    }

    /// Ends what has run out everywhere, drops idle boards, shortens the log. A board whose change cannot be written down
    /// stops no other.
    pub(super) fn sweep_all(&self) -> Backend<()> {
        let now = self.now();
        let idle_since = now.saturating_sub(BOARD_IDLE_MS);
        let mut failed = None;
        let mut has_idle = false;
        for room in self.rooms.read().values() {
            let mut room = room.lock();
            if let Err(error) = self.sweep_room(&mut room, now) {
                failed = Some(error);
            }
            has_idle |= room.is_idle(idle_since);
        }
        if has_idle {
            self.rooms.write().retain(|_, room| !room.get_mut().is_idle(idle_since));
        }
        self.shorten_log();
        failed.map_or(Ok(()), Err)
    }

    fn shorten_log(&self) {
        let Some(log) = &self.log else { return };
        if !log.lock().is_longer_than(LOG_REWRITE_BYTES) {
            return;
        }
        // Nobody changes anything meanwhile.
        let mut rooms = self.rooms.write();
        let pending = self.pending.lock();
        if let Err(error) = log.lock().rewrite(|image| write_all(image, &mut rooms, &pending)) {
            tracing::warn!(%error, "the lock log could not be rewritten; it grows on and is tried again");
        }
    }

    pub(super) fn list_pending(&self, of: Option<ScreeningId>, limit: usize) -> Vec<Release> {
        self.pending.lock().list(of, limit)
    }

    pub(super) fn forget_pending(&self, told: &[Release]) -> Backend<()> {
        let told: Vec<ReleaseName> = told.iter().filter_map(ReleaseName::of).collect();
        if told.is_empty() {
            return Ok(());
        }
        let mut pending = self.pending.lock();
        self.append(|to| put_told(to, &told))?;
        pending.forget(&told);
        Ok(())
    }

    /// Writes a record that says nothing.
    pub(super) fn try_log(&self) -> Backend<()> {
        self.append(put_ping)
    }

    fn append(&self, put: impl FnOnce(&mut Vec<u8>)) -> Backend<()> {
        let written = self.log.as_ref().map_or(Ok(()), |log| log.lock().append(put));
        written.map_err(|error| BackendError::retryable(PART, error))
    }

    fn replay(&mut self, record: Record) {
        match record {
            Record::Change { screening, seq, kept, releases } => {
                let now = self.now();
                let room = self.rooms.get_mut().entry(screening);
                let room = room.or_insert_with(|| Mutex::new(Room::new(screening, now)));
                room.get_mut().board.restore(seq, kept);
                self.pending.get_mut().push(releases);
            }
            Record::Told(told) => self.pending.get_mut().forget(&told),
            Record::Ping => {}
        }
    }

    fn write_all(&mut self, image: &mut Image) {
        write_all(image, self.rooms.get_mut(), self.pending.get_mut());
    }

    #[cfg(test)]
    pub(super) fn count_boards(&self) -> usize {
        self.rooms.read().len()
    }

    #[cfg(test)]
    pub(super) fn log(&self) -> &Mutex<Log> {
        self.log.as_ref().expect("a log")
    }
}

/// Everything that a restart must bring back.
fn write_all(image: &mut Image, rooms: &mut HashMap<ScreeningId, Mutex<Room>>, pending: &Pending) {
    for room in rooms.values_mut() {
        let board = &room.get_mut().board;
        if board.has_locks() {
            image.push(|to| put_change(to, board.screening(), board.seq(), board.kept(), [].iter()));
        }
    }
    for release in pending.iter() {
        let none = std::iter::empty();
        image.push(|to| put_change(to, release.screening, release.seq, none, [release].into_iter()));
    }
}
