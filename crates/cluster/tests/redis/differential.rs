//! Differential test: the same random histories of calls run on the functions in Redis and on the rules in Rust
//! ([`SeatBoard`]).
//!
//! Only Redis knows the millisecond in which it ran a call. So the test tries every millisecond between sending and
//! receiving on the Rust board; for one of them reply, sequence, live change and releases must equal those of Redis.
//! After each call the whole visible state is compared, so that a difference is found at the call that causes it.

mod history;

use std::{sync::Arc, time::Duration};

use history::{Op, PEOPLE, history};
use seatkeeper_cluster::redis::RedisLocks;
use seatkeeper_core::{
    ids::{ScreeningId, SeatId},
    locks::{
        Effects, LiveChange, LiveEvent, LoadReply, LockReply, Millis, Release, ReleaseReply, SeatBoard, SeatSnapshot,
        StartReply, WithdrawReply,
    },
    ports::{LiveChanges as _, LiveFeed, LockSeats, Releases as _, SeatLocks as _, SeatMaps as _},
};
use seatkeeper_testbed::{RedisServer, WAIT_MAX};
use uuid::Uuid;

use crate::server::{RedisClock, open};

/// Number of histories in one run, each with its own seed.
const SEEDS: u64 = 48;
/// Number of calls in one history.
const CALLS: usize = 60;
/// Limit of the seats that one person may hold.
const SEATS_MAX: usize = 3;

#[derive(Debug, PartialEq)]
enum Answer {
    Lock(LockReply),
    Release(ReleaseReply),
    Start(StartReply),
    Load(LoadReply),
    Withdraw(WithdrawReply),
    Map(Result<SeatSnapshot, u64>),
    Done,
}

/// The same screening in Redis and in Rust. There are several Rust boards while several milliseconds explain what was
/// observed.
struct Twins {
    screening: ScreeningId,
    boards: Vec<SeatBoard>,
    locks: Arc<RedisLocks>,
    watcher: Arc<RedisLocks>,
    feed: LiveFeed,
    clock: RedisClock,
    seq: u64,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_functions_behave_like_the_rust_rules_in_random_histories() {
    let runs: Vec<_> =
        (0..4).map(|run| tokio::spawn(run_seeds((0..SEEDS).filter(move |seed| seed % 4 == run)))).collect();
    for run in runs {
        run.await.unwrap();
    }
}

async fn run_seeds(seeds: impl Iterator<Item = u64>) {
    let redis = RedisServer::start().await;
    for seed in seeds {
        let mut twins = Twins::new(&redis, seed).await;
        for (index, (pause_ms, op)) in history(seed, CALLS).into_iter().enumerate() {
            twins.clock.pass(Duration::from_millis(pause_ms)).await;
            twins.step(&op.at(twins.clock.now_ms()), &format!("seed {seed}, call {index}: {op:?}")).await;
        }
    }
}

impl Twins {
    async fn new(redis: &RedisServer, seed: u64) -> Self {
        let screening = ScreeningId::from_uuid(Uuid::from_u128(u128::from(seed) << 64 | 1));
        let (locks, watcher) = (open(&redis.url()).await, open(&redis.url()).await);
        let feed = watcher.watch(screening).await.unwrap();
        let (boards, clock) = (vec![SeatBoard::new(screening)], RedisClock::of(&redis.url()));
        Self { screening, boards, locks, watcher, feed, clock, seq: 0 }
    }

    async fn step(&mut self, op: &Op, what: &str) {
        if self.boards.iter().any(|board| board.snapshot().is_none()) {
            // Loading the seat map leaves a gap in the sequence, because of which the feed would be closed at the next
            // change.
            self.feed.close();
            self.feed = self.watcher.watch(self.screening).await.unwrap();
        }
        let before = self.clock.now_ms();
        let answer = self.do_in_redis(op).await;
        let moments = before..=self.clock.now_ms();
        self.seq = self.seq_in_redis().await;
        let mut fits: Vec<(SeatBoard, Effects)> = Vec::new();
        let mut said = Vec::new();
        for (board, now) in self.boards.iter().flat_map(|board| moments.clone().map(move |now| (board, now))) {
            let mut board = board.clone();
            let (by_rules, effects) = do_by_rules(&mut board, now, op);
            if by_rules == answer && board.seq() == self.seq {
                fits.push((board, effects));
            } else {
                said.push((now, by_rules, board.seq()));
            }
        }
        assert!(!fits.is_empty(), "{what}\nRedis: {answer:?} at {}\nrules: {said:?}", self.seq);

        let live = self.next_change(fits.iter().any(|(_, effects)| effects.live.is_some())).await;
        let by_rules: Vec<_> = fits.iter().map(|(_, effects)| effects.live.clone()).collect();
        fits.retain(|(_, effects)| effects.live == live);
        assert!(!fits.is_empty(), "{what}\nRedis published {live:?}\nrules: {by_rules:?}");
        let releases = self.take_releases().await;
        fits.retain(|(_, effects)| effects.releases.as_slice() == releases);
        assert!(!fits.is_empty(), "{what}\nRedis released {releases:?}");
        self.boards.clear();
        for (board, _) in fits {
            if !self.boards.contains(&board) {
                self.boards.push(board);
            }
        }
        self.look_at_everything(what).await;
    }

    async fn do_in_redis(&self, op: &Op) -> Answer {
        let (locks, here) = (&self.locks, self.screening);
        match op {
            Op::Lock { who, seats, not_for_sale, ttl_ms } => {
                let (holder, ttl_ms) = (*who, *ttl_ms);
                let call = LockSeats { screening: here, holder, seats, not_for_sale, ttl_ms, seats_max: SEATS_MAX };
                Answer::Lock(locks.lock(&call).await.unwrap())
            }
            Op::Release { who, seats } => Answer::Release(locks.release(here, *who, seats.as_deref()).await.unwrap()),
            Op::Start { who, payment, ttl_ms } => {
                Answer::Start(locks.start_payment(here, *who, *payment, *ttl_ms).await.unwrap())
            }
            Op::Keep { who, payment, seats, ttl_ms } => {
                locks.extend_payment(here, *who, *payment, seats, *ttl_ms).await.unwrap();
                Answer::Done
            }
            Op::End { who, payment } => {
                locks.end_payment(here, *who, *payment).await.unwrap();
                Answer::Done
            }
            Op::Sell { payment, seats } => {
                locks.mark_sold(here, *payment, seats).await.unwrap();
                Answer::Done
            }
            Op::Free { seats } => {
                locks.mark_freed(here, seats).await.unwrap();
                Answer::Done
            }
            Op::Withdraw { seats } => Answer::Withdraw(locks.withdraw(here, seats).await.unwrap()),
            Op::Restore { seats } => {
                locks.restore_to_sale(here, seats).await.unwrap();
                Answer::Done
            }
            Op::Load { is_stale, truth } => {
                Answer::Load(locks.load(here, expected_seq(self.seq, *is_stale), truth).await.unwrap())
            }
            Op::Sweep => {
                locks.sweep().await.unwrap();
                Answer::Done
            }
            Op::Snapshot => Answer::Map(locks.snapshot(here).await.unwrap()),
        }
    }

    async fn seq_in_redis(&self) -> u64 {
        match self.locks.list_states(&[self.screening]).await.unwrap()[0] {
            Some((seq, _)) => seq,
            // A lock call without seats changes nothing and returns the sequence.
            None => match self.ask_for(&[]).await {
                LockReply::NotLoaded { seq } => seq,
                other => panic!("{other:?}"),
            },
        }
    }

    async fn ask_for(&self, seats: &[SeatId]) -> LockReply {
        let (screening, holder) = (self.screening, PEOPLE[0]);
        let call = LockSeats { screening, holder, seats, not_for_sale: &[], ttl_ms: 1, seats_max: SEATS_MAX };
        self.locks.lock(&call).await.unwrap()
    }

    async fn next_change(&mut self, is_due: bool) -> Option<LiveChange> {
        if !is_due {
            return None;
        }
        let event = tokio::time::timeout(WAIT_MAX, self.feed.recv())
            .await
            .expect("a live change arrives")
            .expect("an open feed");
        match &*event {
            LiveEvent::Seats(change) => Some(change.clone()),
            LiveEvent::Payment(change) => panic!("{change:?}"),
        }
    }

    async fn take_releases(&self) -> Vec<Release> {
        let all = self.locks.list_releases(None, 10_000).await.unwrap();
        self.locks.forget_releases(&all).await.unwrap();
        all.into_iter().filter(|release| release.screening == self.screening).collect()
    }

    /// Compares holds, payment locks and the number of taken seats, by calls that change nothing.
    async fn look_at_everything(&mut self, what: &str) {
        for who in PEOPLE {
            let before = self.clock.now_ms();
            let hold = self.locks.find_hold(self.screening, who).await.unwrap();
            let paying = self.locks.release(self.screening, who, Some(&[])).await.unwrap();
            let moments = before..=self.clock.now_ms();
            let is_so = |board: &SeatBoard| {
                let holds = |now: Millis| board.hold_of(now, who) == hold;
                let pays = |now: Millis| board.clone().release(now, who, Some(&[])).0 == paying;
                moments.clone().any(holds) && moments.clone().any(pays)
            };
            let all: Vec<_> = self.boards.iter().map(|board| board.clone().release(before, who, Some(&[])).0).collect();
            self.boards.retain(is_so);
            assert!(!self.boards.is_empty(), "after {what}\nRedis: {hold:?}, {paying:?}\nrules: {all:?}");
        }
        let state = self.locks.list_states(&[self.screening]).await.unwrap()[0];
        let taken = state.map(|(_, taken)| usize::try_from(taken).unwrap());
        self.boards.retain(|board| board.count_taken() == taken);
        assert!(!self.boards.is_empty(), "after {what}\nRedis counts {taken:?}");
    }
}

fn expected_seq(seq: u64, is_stale: bool) -> u64 {
    seq - u64::from(is_stale && seq > 0)
}

fn do_by_rules(board: &mut SeatBoard, now: Millis, op: &Op) -> (Answer, Effects) {
    match op {
        Op::Lock { who, seats, not_for_sale, ttl_ms } => {
            let (reply, effects) = board.lock(now, *who, seats, not_for_sale, *ttl_ms, SEATS_MAX);
            (Answer::Lock(reply), effects)
        }
        Op::Release { who, seats } => {
            let (reply, effects) = board.release(now, *who, seats.as_deref());
            (Answer::Release(reply), effects)
        }
        Op::Start { who, payment, ttl_ms } => {
            let (reply, effects) = board.start_payment(now, *who, *payment, *ttl_ms);
            (Answer::Start(reply), effects)
        }
        Op::Keep { who, payment, seats, ttl_ms } => {
            (Answer::Done, board.extend_payment(now, *who, *payment, seats, now + ttl_ms))
        }
        Op::End { who, payment } => (Answer::Done, board.end_payment(now, *who, *payment)),
        Op::Sell { payment, seats } => (Answer::Done, board.mark_sold(now, *payment, seats)),
        Op::Free { seats } => (Answer::Done, board.mark_freed(now, seats)),
        Op::Withdraw { seats } => {
            let (reply, effects) = board.withdraw(now, seats);
            (Answer::Withdraw(reply), effects)
        }
        Op::Restore { seats } => (Answer::Done, board.restore_to_sale(now, seats)),
        Op::Load { is_stale, truth } => {
            let (reply, effects) = board.load(now, expected_seq(board.seq(), *is_stale), truth);
            (Answer::Load(reply), effects)
        }
        Op::Sweep => (Answer::Done, board.sweep(now)),
        Op::Snapshot => {
            let effects = board.sweep(now);
            (Answer::Map(board.snapshot().ok_or(board.seq())), effects)
        }
    }
}
