//! Repeats one kind of lock request under a profiler. Arguments: the layer (`board`, `port` or `log`) and the request
//! (`lock` or `taken`).
//!
//! ```text
//! cargo build --release -p seatkeeper-embedded --example lock_cost
//! valgrind --tool=callgrind --callgrind-out-file=/dev/null '--toggle-collect=*measured*' \
//!     target/release/examples/lock_cost board taken 10000
//! ```
//! Only the lock requests are measured, without the set-up: divide the counts by the number of rounds.

use std::{hint::black_box, path::PathBuf, process::ExitCode, sync::Arc};

use seatkeeper_core::{
    ids::{PersonId, ScreeningId, SeatId},
    locks::{LoadReply, LockReply, LongestTimes, SeatBoard, SeatTruth},
    ports::{Clock, LockSeats, Releases, SeatLocks, SeatMaps},
};
use seatkeeper_embedded::locks::MemoryLocks;
use seatkeeper_testing::ManualClock;
use uuid::Uuid;

const HERE: ScreeningId = ScreeningId::from_uuid(Uuid::from_u128(1));
const ANN: PersonId = PersonId::from_uuid(Uuid::from_u128(2));
const TTL_MS: i64 = 300_000;
const SEATS_MAX: usize = 10;

/// A hall of 300 seats, of which one third is sold, one third held and one third free.
fn hall() -> (SeatTruth, Vec<(PersonId, SeatId)>, Vec<SeatId>) {
    let (mut sold, mut held, mut free) = (Vec::new(), Vec::new(), Vec::new());
    for row in 'A'..='O' {
        for number in 1..=20u8 {
            let Some(seat) = SeatId::new(&row.to_string(), number) else { continue };
            match number % 3 {
                0 => sold.push(seat),
                1 => held.push((PersonId::from_uuid(Uuid::from_u128(1_000 + u128::from(row) * 10)), seat)),
                _ => free.push(seat),
            }
        }
    }
    (SeatTruth { sold, ..SeatTruth::default() }, held, free)
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let (over, what, rounds) = match args[..] {
        [over, what, rounds] => (over, what, rounds.parse().unwrap_or(1_000)),
        _ => ("", "", 0),
    };
    let done = match (over, what) {
        ("board", "lock") => board(rounds, false),
        ("board", "taken") => board(rounds, true),
        ("port", "lock") => port(rounds, false, None),
        ("port", "taken") => port(rounds, true, None),
        ("log", "lock") => {
            let path = std::env::temp_dir().join(format!("lock_cost.{}.log", std::process::id()));
            let done = port(rounds, false, Some(path.clone()));
            let _ = std::fs::remove_file(path);
            done
        }
        _ => None,
    };
    if done.is_some() { ExitCode::SUCCESS } else { ExitCode::from(2) }
}

/// Calls the rules directly: a lock and its release, or a refused lock.
fn board(rounds: u64, is_taken: bool) -> Option<()> {
    let (truth, held, free) = hall();
    let mut board = SeatBoard::new(HERE);
    board.load(1, 0, &truth);
    for (who, seat) in &held {
        board.lock(1, *who, &[*seat], &[], TTL_MS, SEATS_MAX);
    }
    for round in 0..usize::try_from(rounds).ok()? {
        let now = 2 + i64::try_from(round).ok()?;
        let now = now.min(TTL_MS);
        if is_taken {
            measured_board_lock(&mut board, now, held[round % held.len()].1);
        } else {
            measured_board_lock(&mut board, now, free[round % free.len()]);
            board.release(now, ANN, None);
        }
    }
    Some(())
}

#[inline(never)]
fn measured_board_lock(board: &mut SeatBoard, now: i64, seat: SeatId) {
    black_box(board.lock(now, ANN, &[black_box(seat)], &[], TTL_MS, SEATS_MAX));
}

/// Makes these requests through the port, as the server does.
fn port(rounds: u64, is_taken: bool, log: Option<PathBuf>) -> Option<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().ok()?;
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::default());
    let locks = match log {
        Some(path) => MemoryLocks::open(&path, clock, LongestTimes::default()).ok()?,
        None => MemoryLocks::unlogged(clock),
    };
    let (truth, held, free) = hall();
    runtime.block_on(async {
        let loaded = locks.load(HERE, 0, &truth).await.ok()?;
        assert_eq!(loaded, LoadReply::Loaded);
        for (who, seat) in &held {
            locks.lock(&call(*who, &[*seat])).await.ok()?;
        }
        for round in 0..usize::try_from(rounds).ok()? {
            let seat = if is_taken { held[round % held.len()].1 } else { free[round % free.len()] };
            let reply = measured_port_lock(&locks, seat)?;
            if !is_taken {
                assert!(matches!(reply, LockReply::Held(_)));
                locks.release(HERE, ANN, None).await.ok()?;
                let told = locks.list_releases(None, 1).await.ok()?;
                locks.forget_releases(&told).await.ok()?;
            }
        }
        Some(())
    })
}

fn call(holder: PersonId, seats: &[SeatId]) -> LockSeats<'_> {
    LockSeats { screening: HERE, holder, seats, not_for_sale: &[], ttl_ms: TTL_MS, seats_max: SEATS_MAX }
}

/// Runs a call with one poll, which completes it because it never waits.
#[inline(never)]
fn measured_port_lock(locks: &dyn SeatLocks, seat: SeatId) -> Option<LockReply> {
    let seats = [black_box(seat)];
    let call = call(ANN, &seats);
    let mut future = locks.lock(&call);
    match future.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
        std::task::Poll::Ready(reply) => reply.ok(),
        std::task::Poll::Pending => None,
    }
}
