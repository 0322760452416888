//! Helpers to call a lock store, on one new screening.

use std::{sync::Arc, time::Duration};

use uuid::Uuid;

use super::LocksFixture;
use crate::store_fixture::at_once;
use seatkeeper_core::{
    ids::{PaymentId, PersonId, ScreeningId, SeatId},
    locks::{
        Hold, LiveChange, LiveEvent, LoadReply, LockReply, Millis, PaymentChange, Release, ReleaseReply, SeatChange,
        SeatSnapshot, SeatStatus, SeatTruth, StartReply, WithdrawReply,
    },
    payment::PaymentStatus,
    ports::{Backend, LiveChanges, LiveFeed, LockSeats, LockStore},
};

/// The limit of seats per person in these tests.
pub(super) const SEATS_MAX: usize = 4;

/// How long a test waits for a live change.
const ARRIVES_WITHIN: Duration = Duration::from_secs(10);

/// A limit above the number of releases in any test.
const RELEASES_MAX: usize = 100_000;

pub(super) fn sure<T>(answer: Backend<T>) -> T {
    match answer {
        Ok(value) => value,
        Err(error) => unreachable!("a call failed: {error}"),
    }
}

pub(super) fn seats(names: &str) -> Vec<SeatId> {
    names.split_whitespace().filter_map(SeatId::parse).collect()
}

pub(super) fn someone() -> PersonId {
    PersonId::from_uuid(Uuid::new_v4())
}

pub(super) fn some_payment() -> PaymentId {
    PaymentId::from_uuid(Uuid::new_v4())
}

/// A new screening whose seat map is loaded or not.
#[derive(Clone)]
pub(super) struct Hall {
    pub(super) locks: Arc<dyn LockStore>,
    live: Arc<dyn LiveChanges>,
    pub(super) screening: ScreeningId,
    pub(super) ttl_ms: Millis,
}

impl Hall {
    pub(super) fn unloaded(fixture: &dyn LocksFixture) -> Self {
        let screening = ScreeningId::from_uuid(Uuid::new_v4());
        Self { locks: fixture.locks(), live: fixture.live(), screening, ttl_ms: fixture.ttl_ms() }
    }

    pub(super) async fn loaded(fixture: &dyn LocksFixture) -> Self {
        let hall = Self::unloaded(fixture);
        assert_eq!(hall.load(&SeatTruth::default()).await, LoadReply::Loaded);
        hall
    }

    pub(super) fn lock_time(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.ttl_ms).unwrap_or(0))
    }

    pub(super) async fn lock(&self, who: PersonId, names: &str) -> LockReply {
        self.lock_some(who, names, "").await
    }

    pub(super) async fn lock_some(&self, who: PersonId, names: &str, not_for_sale: &str) -> LockReply {
        let (seats, not_for_sale) = (seats(names), seats(not_for_sale));
        let call = LockSeats {
            screening: self.screening,
            holder: who,
            seats: &seats,
            not_for_sale: &not_for_sale,
            ttl_ms: self.ttl_ms,
            seats_max: SEATS_MAX,
        };
        sure(self.locks.lock(&call).await)
    }

    /// Locks seats, which must succeed.
    pub(super) async fn take(&self, who: PersonId, names: &str) -> Hold {
        match self.lock(who, names).await {
            LockReply::Held(hold) => hold,
            other => unreachable!("{names} should be free: {other:?}"),
        }
    }

    pub(super) async fn release(&self, who: PersonId, names: Option<&str>) -> ReleaseReply {
        let seats = names.map(seats);
        sure(self.locks.release(self.screening, who, seats.as_deref()).await)
    }

    pub(super) async fn start(&self, who: PersonId, payment: PaymentId) -> StartReply {
        sure(self.locks.start_payment(self.screening, who, payment, 2 * self.ttl_ms).await)
    }

    pub(super) async fn keep(&self, who: PersonId, payment: PaymentId, names: &str, ttl_ms: Millis) {
        sure(self.locks.extend_payment(self.screening, who, payment, &seats(names), ttl_ms).await);
    }

    pub(super) async fn end(&self, who: PersonId, payment: PaymentId) {
        sure(self.locks.end_payment(self.screening, who, payment).await);
    }

    pub(super) async fn sell(&self, payment: PaymentId, names: &str) {
        sure(self.locks.mark_sold(self.screening, payment, &seats(names)).await);
    }

    pub(super) async fn free(&self, names: &str) {
        sure(self.locks.mark_freed(self.screening, &seats(names)).await);
    }

    pub(super) async fn withdraw(&self, names: &str) -> WithdrawReply {
        sure(self.locks.withdraw(self.screening, &seats(names)).await)
    }

    pub(super) async fn restore(&self, names: &str) {
        sure(self.locks.restore_to_sale(self.screening, &seats(names)).await);
    }

    pub(super) async fn publish_payment(&self, holder: PersonId, payment: PaymentId, status: PaymentStatus) {
        let change = PaymentChange { screening: self.screening, holder, payment, status };
        sure(self.live.publish_payment(change).await);
    }

    pub(super) async fn seq(&self) -> u64 {
        match sure(self.locks.snapshot(self.screening).await) {
            Ok(snapshot) => snapshot.seq,
            Err(seq) => seq,
        }
    }

    pub(super) async fn load_at(&self, seq: u64, truth: &SeatTruth) -> LoadReply {
        sure(self.locks.load(self.screening, seq, truth).await)
    }

    pub(super) async fn load(&self, truth: &SeatTruth) -> LoadReply {
        self.load_at(self.seq().await, truth).await
    }

    pub(super) async fn hold_of(&self, who: PersonId) -> Hold {
        sure(self.locks.find_hold(self.screening, who).await)
    }

    /// A person's hold with sequence number 0, so that it can be compared while other people change the seat map.
    pub(super) async fn held_by(&self, who: PersonId) -> Hold {
        Hold { seq: 0, ..self.hold_of(who).await }
    }

    pub(super) async fn snapshot(&self) -> SeatSnapshot {
        match sure(self.locks.snapshot(self.screening).await) {
            Ok(snapshot) => snapshot,
            Err(seq) => unreachable!("not loaded, at {seq}"),
        }
    }

    /// The seat map without times: `"A1 locked, A2 booked"`.
    pub(super) async fn map(&self) -> String {
        draw(&self.snapshot().await.seats)
    }

    pub(super) async fn sweep(&self) {
        sure(self.locks.sweep().await);
    }

    /// Sweeps as several servers do at the same time.
    pub(super) async fn sweep_concurrently(&self, servers: usize) {
        let sweep = |hall: Self| async move { hall.sweep().await };
        at_once((0..servers).map(|_| sweep(self.clone()))).await;
    }

    pub(super) async fn watch(&self) -> LiveFeed {
        sure(self.live.watch(self.screening).await)
    }

    /// The releases of this screening that are not in the outbox yet.
    pub(super) async fn releases(&self) -> Vec<Release> {
        let all = sure(self.locks.list_releases(Some(self.screening), RELEASES_MAX).await);
        all.into_iter().filter(|release| release.screening == self.screening).collect()
    }
}

pub(super) fn draw(changes: &[SeatChange]) -> String {
    let name = |change: &SeatChange| match change.status {
        SeatStatus::Available => format!("{} available", change.id),
        SeatStatus::Locked { .. } => format!("{} locked", change.id),
        SeatStatus::Booked => format!("{} booked", change.id),
        SeatStatus::Unavailable => format!("{} unavailable", change.id),
    };
    changes.iter().map(name).collect::<Vec<_>>().join(", ")
}

pub(super) async fn next_event(feed: &mut LiveFeed) -> Arc<LiveEvent> {
    match tokio::time::timeout(ARRIVES_WITHIN, feed.recv()).await {
        Ok(Some(event)) => event,
        Ok(None) => unreachable!("the feed closed"),
        Err(_) => unreachable!("no event arrived"),
    }
}

/// The next live change, which must be a change of seats or holds.
pub(super) async fn next_seats(feed: &mut LiveFeed) -> LiveChange {
    match &*next_event(feed).await {
        LiveEvent::Seats(change) => change.clone(),
        LiveEvent::Payment(change) => unreachable!("a change of seats was expected: {change:?}"),
    }
}
