//! The fixture of the contract suites for stores: an empty store, a small programme, and helpers.

use std::{collections::BTreeMap, future::Future, sync::Arc};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinSet;

use super::{ManualClock, SeededEntropy, event_of, hall_of, movie_of, screening_of};
use seatkeeper_core::{
    booking::{Booking, BookingStatus},
    catalogue::Screening,
    event::{Event, EventKind},
    ids::{BookingId, EventId, HallId, MovieId, PaymentId, PersonId, ScreeningId, SeatId},
    locks::SeatTruth,
    payment::{ConfirmOutcome, Payment, PaymentMethod, PaymentStatus},
    ports::{
        Backend, Clock, CloseOutcome, ClosePayment, CommitBooking, CommitOutcome, ConfirmStart, NewPayment,
        ProgrammeChange, ProgrammeOutcome, ShownToPayer, StartOutcome, Store,
    },
};

/// Opens new, empty stores for the suites.
#[async_trait]
pub trait StoreFixture: Send + Sync {
    /// The store adapter under test.
    type Store: Store;
    /// Opens a new, empty store, which stays open as long as the fixture.
    async fn open_empty(&self) -> Arc<Self::Store>;
}

/// Reads a whole list in pages of two items, and checks the size of each page.
macro_rules! walk {
    ($stage:expr, |$page:ident| $call:ident($($arg:expr),*)) => {{
        let (mut items, mut after) = (Vec::new(), None);
        loop {
            let $page = seatkeeper_core::ports::PageRequest { after, limit: 2 };
            let page = $crate::store_fixture::must($stage.store.$call($($arg),*).await);
            assert!(page.items.len() == 2 || page.next.is_none(), "a page that is not the last is full");
            assert!(page.items.len() <= 2);
            items.extend(page.items);
            after = page.next;
            if after.is_none() {
                break items;
            }
        }
    }};
}
pub(super) use walk;

/// The most events that a suite reads with one call.
pub(super) const EVENTS_MAX: u32 = 1_000;
/// How long payments of the suites last, in seconds.
pub(super) const PAYMENT_S: i64 = 300;
/// The states in which a confirmed payment can be sold.
pub(super) const CONFIRMING: &[PaymentStatus] = &[PaymentStatus::Confirming];
/// The states in which a late payment can be sold.
pub(super) const LATE: &[PaymentStatus] =
    &[PaymentStatus::Expired, PaymentStatus::Cancelled, PaymentStatus::Declined, PaymentStatus::Pending];

/// Unwraps the result of a call that must succeed.
#[track_caller]
pub(super) fn must<T>(answer: Backend<T>) -> T {
    match answer {
        Ok(value) => value,
        Err(error) => unreachable!("a call that must succeed failed: {error}"),
    }
}

/// Parses seats from their names: `"A1 A2"`.
pub(super) fn seats_of(names: &str) -> Vec<SeatId> {
    names.split_whitespace().filter_map(SeatId::parse).collect()
}

/// Runs all futures concurrently on several threads. The results are in no order.
pub(super) async fn at_once<T: Send + 'static>(
    runs: impl IntoIterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    let mut all = JoinSet::new();
    for run in runs {
        all.spawn(run);
    }
    all.join_all().await
}

/// A store with one film, one hall, and one screening that starts in an hour.
pub(super) struct Stage<S> {
    pub(super) store: Arc<S>,
    pub(super) clock: ManualClock,
    pub(super) ids: SeededEntropy,
    pub(super) screening: Screening,
}

impl<S: Store> Stage<S> {
    /// Opens a store with a hall whose seats [`super::layout_of`] parses from `picture`.
    pub(super) async fn open(fixture: &impl StoreFixture<Store = S>, picture: &str) -> Self {
        let (store, ids, clock) = (fixture.open_empty().await, SeededEntropy::new(1), ManualClock::default());
        let movie = movie_of(MovieId::from_uuid(ids.next_uuid()), "Rain over Rattanakosin");
        let hall = hall_of(HallId::from_uuid(ids.next_uuid()), "Hall 1", picture);
        let start = clock.now().saturating_add(SignedDuration::from_hours(1)).unwrap_or(Timestamp::MAX);
        let screening = screening_of(ScreeningId::from_uuid(ids.next_uuid()), &movie, &hall, start);
        let stage = Self { store, clock, ids, screening };
        stage.change(ProgrammeChange::PutMovie(movie, 0)).await;
        stage.change(ProgrammeChange::PutHall(hall, 0)).await;
        stage.change(ProgrammeChange::PutScreening(stage.screening.clone(), 0)).await;
        stage.clear_outbox().await;
        stage
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(super) fn after_s(&self, seconds: i64) -> Timestamp {
        self.now().saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
    }

    pub(super) fn pass_s(&self, seconds: i64) {
        self.clock.advance(SignedDuration::from_secs(seconds));
    }

    pub(super) fn person(&self) -> PersonId {
        PersonId::from_uuid(self.ids.next_uuid())
    }

    /// A unique audit event whose action is `action`.
    pub(super) fn event(&self, action: &str) -> Event {
        event_of(&self.ids, self.now(), action)
    }

    /// Makes a change of the programme that must succeed.
    pub(super) async fn change(&self, change: ProgrammeChange) {
        let outcome = must(self.store.change_programme(&change, &self.event("changed"), self.now()).await);
        assert_eq!(outcome, ProgrammeOutcome::Done, "{change:?}");
    }

    pub(super) fn new_payment(&self, person: PersonId, seats: &str) -> NewPayment {
        NewPayment {
            id: PaymentId::from_uuid(self.ids.next_uuid()),
            screening_id: self.screening.id,
            person_id: person,
            method: Some(PaymentMethod::MockCard),
            seats: seats_of(seats),
            expires_at: self.after_s(PAYMENT_S),
            sales_close: SignedDuration::ZERO,
            seats_everywhere_max: None,
            shown: ShownToPayer::default(),
            events: Vec::new(),
        }
    }

    pub(super) async fn start(&self, start: &NewPayment) -> StartOutcome {
        must(self.store.start_payment(start, self.now()).await)
    }

    /// Starts a payment of a new person. It must succeed.
    #[track_caller]
    pub(super) fn started(&self, seats: &str) -> impl Future<Output = Payment> {
        let start = self.new_payment(self.person(), seats);
        async move {
            match self.start(&start).await {
                StartOutcome::Started(payment) => payment,
                other => unreachable!("{:?} did not start: {other:?}", start.seats),
            }
        }
    }

    /// Starts a payment and begins its confirmation.
    pub(super) async fn confirming(&self, seats: &str) -> Payment {
        let payment = self.started(seats).await;
        match must(self.store.begin_confirming(payment.id, ConfirmOutcome::Success, self.now()).await) {
            ConfirmStart::Confirming(payment) => payment,
            other => unreachable!("{other:?}"),
        }
    }

    /// Starts and confirms a payment, and sells its seats.
    pub(super) async fn sold(&self, seats: &str) -> (Payment, Booking) {
        let payment = self.confirming(seats).await;
        let commit = self.commit_of(&payment, CONFIRMING);
        match must(self.store.commit_booking(&commit, self.now()).await) {
            CommitOutcome::Committed(booking) => (self.payment(payment.id).await, booking),
            other => unreachable!("{other:?}"),
        }
    }

    pub(super) async fn payment(&self, id: PaymentId) -> Payment {
        match must(self.store.find_payment(id).await) {
            Some(payment) => payment,
            None => unreachable!("{id} is missing"),
        }
    }

    /// The sale of a payment's seats, with an audit event `sold`.
    pub(super) fn commit_of(&self, payment: &Payment, from: &'static [PaymentStatus]) -> CommitBooking {
        let booking = Booking {
            id: BookingId::from_uuid(self.ids.next_uuid()),
            code: seatkeeper_core::booking::draw_code(&self.ids),
            status: BookingStatus::Confirmed,
            person_id: payment.person_id,
            payment_id: payment.id,
            screening_id: payment.screening_id,
            movie_id: self.screening.movie_id,
            movie_title: self.screening.movie_title.clone(),
            movie_title_th: self.screening.movie_title_th.clone(),
            hall_name: self.screening.hall_name.clone(),
            hall_name_th: self.screening.hall_name_th.clone(),
            start_time: self.screening.start_time,
            seats: payment.seats.clone(),
            total: payment.amount,
            created_at: self.now(),
        };
        let events = vec![self.event("sold")];
        CommitBooking { booking, from, sales_close: SignedDuration::ZERO, money_task: None, events }
    }

    pub(super) async fn commit(&self, payment: &Payment, from: &'static [PaymentStatus]) -> CommitOutcome {
        must(self.store.commit_booking(&self.commit_of(payment, from), self.now()).await)
    }

    pub(super) fn close_of(&self, id: PaymentId, from: &'static [PaymentStatus], to: PaymentStatus) -> ClosePayment {
        ClosePayment { id, from, to, money_task: None, events: vec![self.event("closed")] }
    }

    pub(super) async fn close(&self, id: PaymentId, from: &'static [PaymentStatus], to: PaymentStatus) -> CloseOutcome {
        must(self.store.close_payment(&self.close_of(id, from, to), self.now()).await)
    }

    pub(super) async fn truth(&self) -> SeatTruth {
        must(self.store.seat_truth(self.screening.id, self.now()).await)
    }

    /// The sold and the claimed seats of the screening: `"A1 A2 | B1"`.
    pub(super) async fn map(&self) -> String {
        let truth = self.truth().await;
        let names = |seats: Vec<SeatId>| seats.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let claimed = truth.claimed.iter().map(|claim| claim.id).collect();
        format!("{} | {}", names(truth.sold), names(claimed))
    }

    /// The unsent events in the outbox.
    pub(super) async fn unsent(&self) -> Vec<Event> {
        let relay = uuid::Uuid::from_u128(1);
        assert!(must(self.store.take_relay_lease(relay, self.now(), self.after_s(60)).await));
        must(self.store.list_unsent(relay, EVENTS_MAX).await)
    }

    /// The number of unsent events in the outbox by action or type: `"sign_in:1"`.
    pub(super) async fn count_unsent_by_type(&self) -> String {
        let mut counts = BTreeMap::<String, u32>::new();
        for event in self.unsent().await {
            let name = match &event.kind {
                EventKind::AuditLog { action, .. } => action.clone(),
                kind => kind.type_name().to_owned(),
            };
            *counts.entry(name).or_default() += 1;
        }
        counts.into_iter().map(|(name, count)| format!("{name}:{count}")).collect::<Vec<_>>().join(" ")
    }

    async fn clear_outbox(&self) {
        let sent: Vec<EventId> = self.unsent().await.iter().map(|event| event.id).collect();
        must(self.store.mark_sent(uuid::Uuid::from_u128(1), &sent).await);
    }
}
