//! Ports with breakpoints: work inside a [`Stepper`] stops before each call of a port until the test lets it go on. The
//! test can drop the work there (a crash) or run other work first. Calls outside of a stepper do not stop.

use std::{future::Future, pin::Pin, sync::Arc};

use async_trait::async_trait;
use jiff::Timestamp;
use parking_lot::RwLock;
use seatkeeper_core::{
    event::Event,
    ids::{EventId, PaymentId, PersonId, ScreeningId, SeatId},
    locks::{
        Hold, LoadReply, LockReply, Millis, Release, ReleaseReply, SeatSnapshot, SeatTruth, StartReply, WithdrawReply,
    },
    payment::{ConfirmOutcome, MoneyTask, Payment},
    ports::{
        Backend, BackendError, Charge, CloseOutcome, ClosePayment, CommitBooking, CommitOutcome, ConfirmStart,
        Consumer, Cursor, EventLog, Ledger, LockSeats, LockStore, LoggedEvent, NewPayment, Outbox, PaymentProvider,
        ProviderAnswer, ProviderError, Releases, SeatLocks, SeatMaps, StartOutcome,
    },
};
use tokio::sync::{Notify, Semaphore};

use crate::weather::Weather;

tokio::task_local! {
    static GATE: Arc<Gate>;
}

struct Gate {
    passes: Semaphore,
    arrived: Notify,
}

/// Inside a [`Stepper`], waits until the test permits the next call of a port.
async fn step() {
    if let Ok(gate) = GATE.try_with(Arc::clone) {
        gate.arrived.notify_one();
        if let Ok(pass) = gate.passes.acquire().await {
            pass.forget();
        }
    }
}

/// Work that runs one call of a port at a time. Dropping it simulates a crash.
pub(crate) struct Stepper<T> {
    gate: Arc<Gate>,
    work: Pin<Box<dyn Future<Output = T> + Send>>,
}

impl<T> Stepper<T> {
    pub(crate) fn new(work: impl Future<Output = T> + Send + 'static) -> Self {
        let gate = Arc::new(Gate { passes: Semaphore::new(0), arrived: Notify::new() });
        Self { work: Box::pin(GATE.scope(Arc::clone(&gate), work)), gate }
    }

    /// Runs to the next call of a port and stops before it. `Some` when the work ends without a further call.
    pub(crate) async fn go_on(&mut self) -> Option<T> {
        self.gate.passes.add_permits(1);
        self.arrive().await
    }

    /// Starts the work and stops before its first call of a port. `Some` when the work ends without a call.
    pub(crate) async fn arrive(&mut self) -> Option<T> {
        tokio::select! {
            biased;
            done = &mut self.work => Some(done),
            () = self.gate.arrived.notified() => None,
        }
    }
}

/// A port whose calls stop inside a [`Stepper`] and fail as the injected faults ([`Weather`]) say.
pub(crate) struct Stepped<P: ?Sized> {
    weather: Arc<Weather>,
    port: RwLock<Option<Arc<P>>>,
}

impl<P: ?Sized> Stepped<P> {
    pub(crate) fn new(weather: &Arc<Weather>, port: Arc<P>) -> Arc<Self> {
        Arc::new(Self { weather: Arc::clone(weather), port: RwLock::new(Some(port)) })
    }

    /// Replaces the port; the old one is dropped before `open` creates the new one.
    pub(crate) fn replace(&self, open: impl FnOnce() -> Arc<P>) {
        let mut port = self.port.write();
        drop(port.take());
        *port = Some(open());
    }

    fn port(&self) -> Arc<P> {
        self.port.read().clone().expect("a port")
    }
}

macro_rules! stepped {
    ($trait:ident for $port:ty, $away:ident: $(fn $call:ident($($arg:ident: $ty:ty),*) -> $answer:ty;)*) => {
        #[async_trait]
        impl $trait for Stepped<$port> {
            $(async fn $call(&self, $($arg: $ty),*) -> Backend<$answer> {
                step().await;
                if self.weather.$away() {
                    return Err(BackendError::retryable(stringify!($trait), "away"));
                }
                let answer = self.port().$call($($arg),*).await;
                if self.weather.loses_answer() {
                    return Err(BackendError::retryable(stringify!($trait), "the answer was lost"));
                }
                answer
            })*
        }
    };
}

stepped! { Ledger for dyn Ledger, store_away:
    fn start_payment(start: &NewPayment, now: Timestamp) -> StartOutcome;
    fn find_payment(id: PaymentId) -> Option<Payment>;
    fn begin_confirming(id: PaymentId, outcome: ConfirmOutcome, now: Timestamp) -> ConfirmStart;
    fn commit_booking(commit: &CommitBooking, now: Timestamp) -> CommitOutcome;
    fn close_payment(close: &ClosePayment, now: Timestamp) -> CloseOutcome;
    fn finish_money_task(id: PaymentId, task: MoneyTask) -> ();
    fn list_unfinished(now: Timestamp, after: Option<Cursor>, limit: u32) -> Vec<Payment>;
    fn seat_truth(screening: ScreeningId, now: Timestamp) -> SeatTruth;
    fn count_taken(screenings: &[ScreeningId], now: Timestamp) -> Vec<u32>;
}

stepped! { SeatLocks for dyn LockStore, locks_away:
    fn lock(call: &LockSeats<'_>) -> LockReply;
    fn release(screening: ScreeningId, holder: PersonId, seats: Option<&[SeatId]>) -> ReleaseReply;
    fn find_hold(screening: ScreeningId, holder: PersonId) -> Hold;
    fn start_payment(screening: ScreeningId, holder: PersonId, payment: PaymentId, ttl_ms: Millis) -> StartReply;
    fn extend_payment(
        screening: ScreeningId, holder: PersonId, payment: PaymentId, seats: &[SeatId], ttl_ms: Millis
    ) -> ();
    fn end_payment(screening: ScreeningId, holder: PersonId, payment: PaymentId) -> ();
}

stepped! { SeatMaps for dyn LockStore, locks_away:
    fn mark_sold(screening: ScreeningId, payment: PaymentId, seats: &[SeatId]) -> ();
    fn mark_freed(screening: ScreeningId, seats: &[SeatId]) -> ();
    fn withdraw(screening: ScreeningId, seats: &[SeatId]) -> WithdrawReply;
    fn restore_to_sale(screening: ScreeningId, seats: &[SeatId]) -> ();
    fn load(screening: ScreeningId, expected_seq: u64, truth: &SeatTruth) -> LoadReply;
    fn snapshot(screening: ScreeningId) -> Result<SeatSnapshot, u64>;
    fn list_states(screenings: &[ScreeningId]) -> Vec<Option<(u64, u32)>>;
}

stepped! { Releases for dyn LockStore, locks_away:
    fn sweep() -> ();
    fn list_releases(of: Option<ScreeningId>, limit: usize) -> Vec<Release>;
    fn forget_releases(copied: &[Release]) -> ();
}

stepped! { Outbox for dyn Outbox, store_away:
    fn append_events(events: &[Event]) -> ();
    fn take_relay_lease(relay: uuid::Uuid, now: Timestamp, until: Timestamp) -> bool;
    fn find_relay(now: Timestamp) -> Option<uuid::Uuid>;
    fn list_unsent(relay: uuid::Uuid, limit: u32) -> Vec<Event>;
    fn mark_sent(relay: uuid::Uuid, ids: &[EventId]) -> ();
    fn has_unsent() -> bool;
    fn count_unsent() -> u64;
}

stepped! { EventLog for dyn EventLog, store_away:
    fn publish(events: &[Event]) -> ();
    fn list_next(consumer: Consumer, limit: u32) -> Vec<LoggedEvent>;
    fn acknowledge(consumer: Consumer, position: i64) -> ();
    fn list_events(after: i64, type_name: Option<&str>, limit: u32) -> Vec<LoggedEvent>;
    fn lag(consumer: Consumer) -> u64;
}

/// This wrapper injects no [`Weather`] faults, because the mock payment provider injects its own.
#[async_trait]
impl PaymentProvider for Stepped<dyn PaymentProvider> {
    fn name(&self) -> &'static str {
        "mock"
    }

    async fn authorise(&self, charge: &Charge) -> Result<ProviderAnswer, ProviderError> {
        step().await;
        self.port().authorise(charge).await
    }

    async fn capture(&self, id: PaymentId) -> Result<ProviderAnswer, ProviderError> {
        step().await;
        self.port().capture(id).await
    }

    async fn give_back(&self, id: PaymentId) -> Result<ProviderAnswer, ProviderError> {
        step().await;
        self.port().give_back(id).await
    }

    async fn find(&self, id: PaymentId) -> Result<ProviderAnswer, ProviderError> {
        step().await;
        self.port().find(id).await
    }
}
