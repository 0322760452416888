//! Test fixture: rooms over a lock store whose live changes can be lost or cut off.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use async_trait::async_trait;
use jiff::SignedDuration;
use seatkeeper_core::{
    catalogue::{OpenScreening, SharedScreening},
    ids::{HallId, MovieId, PaymentId, PersonId, ScreeningId, SeatId},
    locks::{Hold, LiveChange, LiveEvent, LoadReply, LockReply, PaymentChange, ReleaseReply, SeatTruth, StartReply},
    payment::PaymentStatus,
    ports::{Backend, BackendError, LiveChanges, LiveFeed, LockSeats, SeatLocks, SeatMaps},
};
use seatkeeper_embedded::locks::MemoryLocks;
use seatkeeper_testing::{ManualClock, hall_of, movie_of, sample_now, screening_of};
use tokio::sync::{Semaphore, mpsc, watch};
use uuid::Uuid;

use super::{
    slow_locks::SlowLocks,
    viewer::{Seats, seats_of},
};
use crate::live::{LiveLimits, hub::Rooms, limits::HOLD_READS_OF_SERVER_MAX, sources::Sources};

const LOCK_MS: i64 = 300_000;

/// A source of live changes with injected faults.
pub(super) struct Wire {
    locks: Arc<MemoryLocks>,
    /// Number of live changes that the next subscription loses.
    pub(super) lose: AtomicUsize,
    /// Removes the holders from live changes, because a server of the previous version publishes changes without them.
    pub(super) is_old: AtomicBool,
    /// Whether subscribing to live changes fails.
    pub(super) is_away: AtomicBool,
    /// Number of subscriptions so far.
    pub(super) subscriptions: AtomicUsize,
    cut: watch::Sender<()>,
}

impl Wire {
    /// Closes every feed of live changes that has an injected fault.
    pub(super) fn cut(&self) {
        self.cut.send_replace(());
    }
}

#[async_trait]
impl LiveChanges for Wire {
    async fn watch(&self, screening: ScreeningId) -> Backend<LiveFeed> {
        if self.is_away.load(Ordering::SeqCst) {
            return Err(BackendError::retryable("locks", "away"));
        }
        self.subscriptions.fetch_add(1, Ordering::SeqCst);
        let mut feed = self.locks.watch(screening).await?;
        let is_old = self.is_old.load(Ordering::SeqCst);
        if self.lose.load(Ordering::SeqCst) == 0 && !is_old {
            return Ok(feed);
        }
        let (sender, receiver) = mpsc::channel(64);
        let mut cut = self.cut.subscribe();
        let mut lose = self.lose.swap(0, Ordering::SeqCst);
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    change = feed.recv() => match change {
                        Some(_) if lose > 0 => lose -= 1,
                        Some(change) => {
                            let change = if is_old { without_holders(&change) } else { change };
                            if sender.send(change).await.is_err() {
                                return;
                            }
                        }
                        None => return,
                    },
                    _ = cut.changed() => return,
                }
            }
        });
        Ok(receiver)
    }

    async fn publish_payment(&self, change: PaymentChange) -> Backend<()> {
        self.locks.publish_payment(change).await
    }
}

fn without_holders(event: &LiveEvent) -> Arc<LiveEvent> {
    Arc::new(match event {
        LiveEvent::Seats(change) => LiveEvent::Seats(LiveChange { holds: None, ..change.clone() }),
        LiveEvent::Payment(_) => event.clone(),
    })
}

/// Test fixture: one screening, its lock store, and the rooms of one server.
pub(super) struct Stage {
    pub(super) locks: Arc<MemoryLocks>,
    /// The lock store of `locks` as the rooms access it, with reads that can be delayed or fail.
    pub(super) slow: Arc<SlowLocks>,
    pub(super) wire: Arc<Wire>,
    pub(super) rooms: Rooms,
    pub(super) screening: SharedScreening,
    sold: Vec<SeatId>,
    limits: LiveLimits,
}

impl Stage {
    /// A screening with three rows of four seats, of which `sold` are sold.
    pub(super) fn new(sold: &[&str], limits: LiveLimits) -> Self {
        let locks = Arc::new(MemoryLocks::unlogged(Arc::new(ManualClock::default())));
        let wire = Arc::new(Wire {
            locks: Arc::clone(&locks),
            lose: AtomicUsize::new(0),
            is_old: AtomicBool::new(false),
            is_away: AtomicBool::new(false),
            subscriptions: AtomicUsize::new(0),
            cut: watch::Sender::new(()),
        });
        let slow = Arc::new(SlowLocks::new(&locks));
        let sold: Vec<SeatId> = sold.iter().map(|seat| seat_id(seat)).collect();
        let rooms = rooms_over(&locks, &slow, &wire, &sold, limits);
        Self { locks, slow, wire, rooms, screening: screening(1), sold, limits }
    }

    /// The rooms of another server over the same lock store.
    pub(super) fn other_server(&self) -> Rooms {
        rooms_over(&self.locks, &self.slow, &self.wire, &self.sold, self.limits)
    }

    pub(super) fn id(&self) -> ScreeningId {
        self.screening.screening.id
    }

    /// Locks seats for person 1.
    pub(super) async fn lock(&self, seats: &[SeatId]) {
        self.lock_as(person(1), seats).await;
    }

    /// Locks seats for a person.
    pub(super) async fn lock_as(&self, holder: PersonId, seats: &[SeatId]) {
        let call = LockSeats {
            screening: self.id(),
            holder,
            seats,
            not_for_sale: &[],
            ttl_ms: LOCK_MS,
            seats_max: usize::MAX,
        };
        let reply = self.locks.lock(&call).await.unwrap();
        assert!(matches!(reply, LockReply::Held(_)), "{reply:?}");
    }

    pub(super) async fn lock_seat(&self, seat: &str) {
        self.lock(&[seat_id(seat)]).await;
    }

    /// The hold of a person, read from the lock store.
    pub(super) async fn hold_of(&self, person: PersonId) -> Hold {
        self.locks.find_hold(self.id(), person).await.unwrap()
    }

    /// Starts a payment of a person's whole hold.
    pub(super) async fn start_payment(&self, holder: PersonId, payment: PaymentId) {
        let reply = self.locks.start_payment(self.id(), holder, payment, LOCK_MS).await.unwrap();
        assert!(matches!(reply, StartReply::Started(_)), "{reply:?}");
    }

    /// Publishes a payment's new status.
    pub(super) async fn publish_payment(&self, holder: PersonId, payment: PaymentId, status: PaymentStatus) {
        let change = PaymentChange { screening: self.id(), holder, payment, status };
        self.wire.publish_payment(change).await.unwrap();
    }

    /// Releases these seats of person 1, or all with `None`.
    pub(super) async fn release(&self, seats: Option<&[SeatId]>) {
        let reply = self.locks.release(self.id(), person(1), seats).await.unwrap();
        assert!(matches!(reply, ReleaseReply::Left(_)), "{reply:?}");
    }

    pub(super) async fn sell(&self, seat: &str) {
        self.locks.mark_sold(self.id(), payment(9), &[seat_id(seat)]).await.unwrap();
    }

    /// The seat map in the lock store, which viewers' maps are compared with.
    pub(super) async fn truth(&self) -> Seats {
        seats_of(&self.locks.snapshot(self.id()).await.unwrap().unwrap())
    }
}

/// A screening with this number as its id.
pub(super) fn screening(number: u128) -> SharedScreening {
    let movie = movie_of(MovieId::from_uuid(Uuid::nil()), "Film");
    let hall = hall_of(HallId::from_uuid(Uuid::nil()), "Hall", "ssss/ssss/ssss");
    let id = ScreeningId::from_uuid(Uuid::from_u128(number));
    Arc::new(OpenScreening::new(screening_of(id, &movie, &hall, sample_now()), 1, SignedDuration::ZERO))
}

pub(super) fn seat_id(name: &str) -> SeatId {
    SeatId::parse(name).unwrap()
}

pub(super) fn person(number: u128) -> PersonId {
    PersonId::from_uuid(Uuid::from_u128(number))
}

pub(super) fn payment(number: u128) -> PaymentId {
    PaymentId::from_uuid(Uuid::from_u128(number))
}

fn rooms_over(
    locks: &Arc<MemoryLocks>,
    slow: &Arc<SlowLocks>,
    wire: &Arc<Wire>,
    sold: &[SeatId],
    limits: LiveLimits,
) -> Rooms {
    let truth = SeatTruth { sold: sold.to_vec(), ..SeatTruth::default() };
    let (loading, taken) = (Arc::clone(locks), u32::try_from(sold.len()).unwrap());
    let sources = Sources {
        locks: slow.clone(),
        maps: locks.clone(),
        live: wire.clone(),
        load: Box::new(move |screening, seq| {
            let (locks, truth) = (Arc::clone(&loading), truth.clone());
            Box::pin(async move {
                let reply = locks.load(screening, seq, &truth).await?;
                assert_eq!(reply, LoadReply::Loaded);
                Ok(())
            })
        }),
        count_taken: Box::new(move |ids| Box::pin(async move { Ok(vec![taken; ids.len()]) })),
        hold_reads: Semaphore::new(HOLD_READS_OF_SERVER_MAX),
    };
    Rooms::with_sources(sources, limits)
}
