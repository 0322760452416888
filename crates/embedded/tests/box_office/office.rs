//! A [`BoxOffice`] with the real embedded adapters and a manual clock.

use std::{path::Path, sync::Arc};

use jiff::SignedDuration;
use seatkeeper_core::{
    box_office::{BoxOffice, Settings},
    catalogue::SharedScreening,
    ids::{HallId, MovieId, PaymentId, PersonId, ScreeningId, SeatId},
    locks::LongestTimes,
    ports::{
        EventLog, Ledger, LockStore, MockBook, Outbox, PaymentProvider, ProgrammeChange, ProgrammeOutcome, Stores,
    },
};
use seatkeeper_embedded::{
    locks::MemoryLocks,
    mock_provider::{CallbackSink, FaultSwitch, MockFaults, MockProvider},
    sqlite::SqliteStore,
};
use seatkeeper_testing::{
    ManualClock, SeededEntropy, event_of, hall_of, identity_of, movie_of, office_over, sample_now, screening_of,
    sign_in_of,
};
use tempfile::TempDir;

use crate::{steps::Stepped, weather::Weather};

/// How long a seat lock lasts, as by default.
pub(crate) const LOCK_TTL: SignedDuration = SignedDuration::from_mins(5);
/// How long a payment lasts. Differs from [`LOCK_TTL`], so that tests can tell which of the two applies.
pub(crate) const PAYMENT_TTL: SignedDuration = SignedDuration::from_mins(6);
/// Time from the beginning of a test to the start of its screenings.
const STARTS_IN: SignedDuration = SignedDuration::from_hours(24);
const SEATS_PER_PERSON: usize = 6;

/// A whole server. Dropping it and opening it again on the same files simulates a restart.
pub(crate) struct TestOffice {
    pub(crate) office: Arc<BoxOffice>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) faults: Arc<FaultSwitch>,
    pub(crate) weather: Arc<Weather>,
    pub(crate) entropy: Arc<SeededEntropy>,
    pub(crate) book: Arc<dyn MockBook>,
    locks: Arc<Stepped<dyn LockStore>>,
    folder: Arc<TempDir>,
}

impl TestOffice {
    pub(crate) fn new() -> Self {
        Self::with_sink(1, None)
    }

    /// Opens a server. All randomness comes from `seed`; the provider's callbacks go to `sink`.
    pub(crate) fn with_sink(seed: u64, sink: Option<Arc<dyn CallbackSink>>) -> Self {
        Self::open(Arc::new(new_folder()), Arc::default(), seed, sink)
    }

    fn open(folder: Arc<TempDir>, clock: Arc<ManualClock>, seed: u64, sink: Option<Arc<dyn CallbackSink>>) -> Self {
        let store = Arc::new(SqliteStore::open(&folder.path().join("seatkeeper.db")).expect("the store opens"));
        let entropy = Arc::new(SeededEntropy::new(seed));
        let faults = Arc::new(FaultSwitch::new(MockFaults::default()));
        let weather = Arc::new(Weather::new(!seed));
        let book: Arc<dyn MockBook> = Arc::clone(&store) as _;
        let dice = Arc::new(SeededEntropy::new(seed.rotate_left(32)));
        let provider = MockProvider::new(Arc::clone(&book), Arc::clone(&clock) as _, dice, Arc::clone(&faults), sink);
        let locks: Arc<dyn LockStore> = open_locks(folder.path(), &clock);
        let locks = Stepped::new(&weather, locks);
        // Live changes come from this lock store, in which no seat is ever locked: it publishes only payment statuses.
        let unwatched = Arc::new(MemoryLocks::unlogged(Arc::clone(&clock) as _));
        let provider = Stepped::new(&weather, Arc::new(provider) as Arc<dyn PaymentProvider>);
        let whole = office_over(&store, &unwatched, provider, Arc::clone(&clock) as _, Arc::clone(&entropy) as _);
        let office = BoxOffice {
            stores: Stores {
                ledger: Stepped::new(&weather, Arc::clone(&store) as Arc<dyn Ledger>),
                outbox: Stepped::new(&weather, Arc::clone(&store) as Arc<dyn Outbox>),
                events: Stepped::new(&weather, Arc::clone(&store) as Arc<dyn EventLog>),
                ..whole.stores.clone()
            },
            locks: Arc::clone(&locks) as _,
            settings: Settings {
                lock_ttl: LOCK_TTL,
                payment_ttl: PAYMENT_TTL,
                seats_per_person: SEATS_PER_PERSON,
                ..whole.settings.clone()
            },
            ..whole
        };
        Self { office: Arc::new(office), clock, faults, weather, entropy, book, locks, folder }
    }

    /// Simulates a kill and a restart of the server on the same files. The caller must have dropped all of its running
    /// work.
    pub(crate) fn restart(self) -> Self {
        let Self { folder, clock, entropy, .. } = &self;
        let (folder, clock, seed) = (Arc::clone(folder), Arc::clone(clock), entropy.next_u64());
        drop(self);
        Self::open(folder, clock, seed, None)
    }

    /// Restarts only the lock store, which restores its locks from the log.
    pub(crate) fn restart_locks(&self) {
        self.locks.replace(|| open_locks(self.folder.path(), &self.clock));
    }

    /// Restarts the lock store without its log, so that it is empty.
    pub(crate) fn lose_locks(&self) {
        self.locks.replace(|| {
            std::fs::remove_file(locks_file(self.folder.path())).expect("the lock log exists");
            open_locks(self.folder.path(), &self.clock)
        });
    }

    /// Creates a screening for tomorrow with its own film and hall.
    pub(crate) async fn screening(&self, picture: &str) -> SharedScreening {
        let movie = movie_of(MovieId::from_uuid(self.entropy.next_uuid()), "The Long Way Home");
        let hall = hall_of(HallId::from_uuid(self.entropy.next_uuid()), "Hall", picture);
        let id = ScreeningId::from_uuid(self.entropy.next_uuid());
        let screening = screening_of(id, &movie, &hall, sample_now() + STARTS_IN);
        self.change(ProgrammeChange::PutMovie(movie, 0)).await;
        self.change(ProgrammeChange::PutHall(hall, 0)).await;
        self.change(ProgrammeChange::PutScreening(screening, 0)).await;
        self.find_screening(id).await
    }

    pub(crate) async fn find_screening(&self, id: ScreeningId) -> SharedScreening {
        self.office.find_screening(id).await.expect("the store works").expect("a screening")
    }

    pub(crate) async fn change(&self, change: ProgrammeChange) {
        let event = event_of(&*self.entropy, self.office.now(), "test");
        let outcome = self.office.stores.programme.change_programme(&change, &event, self.office.now()).await;
        assert_eq!(outcome.expect("the store works"), ProgrammeOutcome::Done, "{change:?}");
    }

    pub(crate) async fn person(&self, name: &str) -> PersonId {
        let id = PersonId::from_uuid(self.entropy.next_uuid());
        let sign_in = sign_in_of(identity_of(name), id);
        self.office.stores.people.sign_in(&sign_in, self.office.now()).await.expect("the store works").id
    }

    pub(crate) fn payment_id(&self) -> PaymentId {
        PaymentId::from_uuid(self.entropy.next_uuid())
    }

    pub(crate) fn pass(&self, time: SignedDuration) {
        self.clock.advance(time);
    }
}

/// A folder in a memory file system where available, because otherwise each step would wait for a sync to disk.
fn new_folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    folder.expect("a folder")
}

fn locks_file(folder: &Path) -> std::path::PathBuf {
    folder.join("locks.log")
}

fn open_locks(folder: &Path, clock: &Arc<ManualClock>) -> Arc<dyn LockStore> {
    Arc::new(
        MemoryLocks::open(&locks_file(folder), Arc::clone(clock) as _, LongestTimes::of(LOCK_TTL, PAYMENT_TTL))
            .expect("the lock log opens"),
    )
}

/// Parses seats from their names: `"A1 A2"`.
pub(crate) fn seats(names: &str) -> Vec<SeatId> {
    names.split_whitespace().map(|name| SeatId::parse(name).expect("a seat")).collect()
}
