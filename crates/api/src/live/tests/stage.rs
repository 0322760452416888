//! A lock store with a wire that can be cut, and rooms on top.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use async_trait::async_trait;
use jiff::SignedDuration;
use seatkeeper_core::{
    catalogue::{OpenScreening, SharedScreening},
    ids::{HallId, MovieId, PaymentId, PersonId, ScreeningId, SeatId},
    locks::{LoadReply, LockReply, ReleaseReply, SeatTruth},
    ports::{Backend, BackendError, LiveChanges, LiveFeed, LockSeats, SeatLocks},
    testing::{ManualClock, hall_of, movie_of, sample_now, screening_of},
};
use seatkeeper_embedded::locks::MemoryLocks;
use tokio::sync::{mpsc, watch};
use uuid::Uuid;

use super::viewer::{Seats, seats_of};
use crate::live::{LiveLimits, hub::Rooms, sources::Sources};

const LOCK_MS: i64 = 300_000;

/// Live changes that may get lost on the way.
pub(super) struct Wire {
    locks: Arc<MemoryLocks>,
    /// So many changes more are lost.
    pub(super) lose: AtomicUsize,
    /// Nobody can subscribe.
    pub(super) is_away: AtomicBool,
    /// How often somebody has subscribed.
    pub(super) subscriptions: AtomicUsize,
    cut: watch::Sender<()>,
}

impl Wire {
    /// Every feed closes.
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
        if self.lose.load(Ordering::SeqCst) == 0 {
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
}

/// One screening, its lock store, and rooms.
pub(super) struct Stage {
    pub(super) locks: Arc<MemoryLocks>,
    pub(super) wire: Arc<Wire>,
    pub(super) rooms: Rooms,
    pub(super) screening: SharedScreening,
}

impl Stage {
    /// Three rows of four seats; `sold` of them sold.
    pub(super) fn new(sold: &[&str], limits: LiveLimits) -> Self {
        let locks = Arc::new(MemoryLocks::unlogged(Arc::new(ManualClock::default())));
        let wire = Arc::new(Wire {
            locks: Arc::clone(&locks),
            lose: AtomicUsize::new(0),
            is_away: AtomicBool::new(false),
            subscriptions: AtomicUsize::new(0),
            cut: watch::Sender::new(()),
        });
        let truth = SeatTruth { sold: sold.iter().map(|seat| seat_id(seat)).collect(), claimed: vec![] };
        let (loading, taken) = (Arc::clone(&locks), u32::try_from(sold.len()).unwrap());
        let sources = Sources {
            locks: locks.clone(),
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
        };
        let rooms = Rooms::with_sources(sources, limits);
        Self { locks, wire, rooms, screening: screening(1) }
    }

    pub(super) fn id(&self) -> ScreeningId {
        self.screening.screening.id
    }

    /// Locks seats and says so.
    pub(super) async fn lock(&self, seats: &[SeatId]) {
        let call = LockSeats {
            screening: self.id(),
            holder: person(),
            seats,
            not_for_sale: &[],
            ttl_ms: LOCK_MS,
            seats_max: usize::MAX,
        };
        let reply = self.locks.lock(&call).await.unwrap();
        assert!(matches!(reply, LockReply::Held(_)), "{reply:?}");
    }

    /// Locks one seat by name.
    pub(super) async fn lock_seat(&self, seat: &str) {
        self.lock(&[seat_id(seat)]).await;
    }

    /// Lets one seat go, or all.
    pub(super) async fn release(&self, seats: Option<&[SeatId]>) {
        let reply = self.locks.release(self.id(), person(), seats).await.unwrap();
        assert!(matches!(reply, ReleaseReply::Left(_)), "{reply:?}");
    }

    /// Sells one seat.
    pub(super) async fn sell(&self, seat: &str) {
        let payment = PaymentId::from_uuid(Uuid::from_u128(9));
        self.locks.mark_sold(self.id(), payment, &[seat_id(seat)]).await.unwrap();
    }

    /// The seats as the lock store has them.
    pub(super) async fn truth(&self) -> Seats {
        seats_of(&self.locks.snapshot(self.id()).await.unwrap().unwrap())
    }
}

/// A screening of this number.
pub(super) fn screening(number: u128) -> SharedScreening {
    let movie = movie_of(MovieId::from_uuid(Uuid::nil()), "Film");
    let hall = hall_of(HallId::from_uuid(Uuid::nil()), "Hall", "ssss/ssss/ssss");
    let id = ScreeningId::from_uuid(Uuid::from_u128(number));
    Arc::new(OpenScreening::new(screening_of(id, &movie, &hall, sample_now()), 1, SignedDuration::ZERO))
}

pub(super) fn seat_id(name: &str) -> SeatId {
    SeatId::parse(name).unwrap()
}

fn person() -> PersonId {
    PersonId::from_uuid(Uuid::from_u128(1))
}
