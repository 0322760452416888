use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use jiff::SignedDuration;
use seatkeeper_core::{
    ids::{HallId, MovieId, PaymentId, PersonId, ScreeningId, SeatId},
    payment::{ConfirmOutcome, PaymentMethod, PaymentStatus},
    ports::{
        Charge, ConfirmStart, NewPayment, PaymentProvider, ProgrammeChange, ProviderAnswer, ProviderError,
        ShownToPayer, StartOutcome,
    },
};
use seatkeeper_embedded::{locks::MemoryLocks, sqlite::SqliteStore};
use seatkeeper_testing::{
    ManualClock, SeededEntropy, event_of, hall_of, identity_of, movie_of, office_over, sample_now, screening_of,
    sign_in_of,
};
use tempfile::TempDir;

use super::*;

/// A payment provider that fails until `speaks` is set, and counts its calls.
#[derive(Default)]
struct Desk {
    speaks: AtomicBool,
    asked: AtomicU32,
}

impl Desk {
    fn answer(&self, answer: ProviderAnswer) -> Result<ProviderAnswer, ProviderError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if self.speaks.load(Ordering::SeqCst) { Ok(answer) } else { Err(ProviderError("silence".to_owned())) }
    }
}

#[async_trait]
impl PaymentProvider for Desk {
    fn name(&self) -> &'static str {
        "desk"
    }
    async fn authorise(&self, _: &Charge) -> Result<ProviderAnswer, ProviderError> {
        self.answer(ProviderAnswer::Authorised)
    }
    async fn capture(&self, _: PaymentId) -> Result<ProviderAnswer, ProviderError> {
        self.answer(ProviderAnswer::Captured)
    }
    async fn give_back(&self, _: PaymentId) -> Result<ProviderAnswer, ProviderError> {
        self.answer(ProviderAnswer::Refunded)
    }
    async fn find(&self, _: PaymentId) -> Result<ProviderAnswer, ProviderError> {
        self.answer(ProviderAnswer::Authorised)
    }
}

fn open(folder: &TempDir, desk: &Arc<Desk>) -> Arc<BoxOffice> {
    let store = Arc::new(SqliteStore::open(&folder.path().join("store.db")).unwrap());
    let clock = Arc::new(ManualClock::default());
    let locks = Arc::new(MemoryLocks::unlogged(clock.clone()));
    Arc::new(office_over(&store, &locks, desk.clone(), clock, Arc::new(SeededEntropy::new(1))))
}

/// A payment with unknown outcome, as a server leaves it that died while it called the provider.
async fn doubtful_payment(office: &BoxOffice) -> PaymentId {
    let (ids, now) = (SeededEntropy::new(2), office.now());
    let movie = movie_of(MovieId::from_uuid(ids.next_uuid()), "The Long Way Home");
    let hall = hall_of(HallId::from_uuid(ids.next_uuid()), "Hall", "ss");
    let start = sample_now() + SignedDuration::from_hours(24);
    let screening = screening_of(ScreeningId::from_uuid(ids.next_uuid()), &movie, &hall, start);
    let (id, screening_id) = (PaymentId::from_uuid(ids.next_uuid()), screening.id);
    let event = event_of(&ids, now, "made");
    for change in [
        ProgrammeChange::PutMovie(movie, 0),
        ProgrammeChange::PutHall(hall, 0),
        ProgrammeChange::PutScreening(screening, 0),
    ] {
        office.stores.programme.change_programme(&change, &event, now).await.unwrap();
    }
    let person_id = PersonId::from_uuid(ids.next_uuid());
    let person_id = office.stores.people.sign_in(&sign_in_of(identity_of("Ann"), person_id), now).await.unwrap().id;
    let payment = NewPayment {
        id,
        screening_id,
        person_id,
        method: Some(PaymentMethod::MockCard),
        seats: SeatId::parse("A1").into_iter().collect(),
        expires_at: now + SignedDuration::from_mins(5),
        sales_close: SignedDuration::ZERO,
        seats_everywhere_max: None,
        shown: ShownToPayer::default(),
        events: Vec::new(),
    };
    assert!(matches!(office.stores.ledger.start_payment(&payment, now).await, Ok(StartOutcome::Started(_))));
    let confirming = office.stores.ledger.begin_confirming(id, ConfirmOutcome::Success, now).await;
    assert!(matches!(confirming, Ok(ConfirmStart::Confirming(_))));
    id
}

#[tokio::test(start_paused = true)]
async fn provider_that_does_not_answer_is_asked_with_backoff_until_it_does() {
    let (folder, desk) = (TempDir::new().unwrap(), Arc::new(Desk::default()));
    let office = open(&folder, &desk);
    let id = doubtful_payment(&office).await;
    let mut reconciler = Reconciler::new(Arc::clone(&office));
    let mut asked_at = Vec::new();
    for second in 0..24 {
        let before = desk.asked.load(Ordering::SeqCst);
        assert_eq!(reconciler.run().await.unwrap(), Next::AfterPause);
        if desk.asked.load(Ordering::SeqCst) > before {
            asked_at.push(second);
        }
        tokio::time::advance(RECONCILE_PERIOD).await;
    }
    assert_eq!(asked_at, [0, 1, 3, 7, 15, 23]);

    desk.speaks.store(true, Ordering::SeqCst);
    let mut rounds = 0;
    while office.stores.ledger.find_payment(id).await.unwrap().unwrap().status == PaymentStatus::Confirming {
        assert!(rounds < 8, "the provider is asked again within the longest pause");
        rounds += 1;
        reconciler.run().await.unwrap();
        tokio::time::advance(RECONCILE_PERIOD).await;
    }
    let sold = office.stores.ledger.find_payment(id).await.unwrap().unwrap();
    assert_eq!((sold.status, sold.money_task), (PaymentStatus::Succeeded, None));
}
