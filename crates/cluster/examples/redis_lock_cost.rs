//! Measures the CPU time of seat locks in the client and in Redis, compared with a bare function that runs only the
//! unavoidable commands of a lock.
//!
//! ```text
//! cargo run --release -p seatkeeper-cluster --example redis_lock_cost -- 100000 50
//! ```
//! The arguments are the number of calls and the number of concurrent calls. Needs `redis-server`. Compare only results
//! of the same run, because other load on the machine distorts them.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a measurement that cannot go on should say where it stopped, and its result is what it prints"
)]

use std::{future::Future, sync::Arc};

use futures_util::{StreamExt as _, stream};
use redis::aio::MultiplexedConnection;
use seatkeeper_cluster::redis::{RedisLocks, RedisUrl};
use seatkeeper_core::{
    ids::{PersonId, ScreeningId, SeatId},
    locks::{LockReply, LongestTimes, SeatTruth},
    ports::{LockSeats, SeatLocks as _, SeatMaps as _},
};
use seatkeeper_testbed::RedisServer;
use uuid::Uuid;

const TTL_MS: i64 = 300_000;
/// Number of seats per screening. When all seats of a screening are locked, the next screening is used.
const SEATS: usize = 200;

/// A function that sets a key, adds to a sorted set, increments the sequence and publishes: the minimum for a lock that
/// all viewers see.
const BARE: &str = "#!lua name=bare
redis.register_function('bare_lock', function(keys, args)
  if not redis.call('SET', keys[1], args[1], 'NX', 'PX', args[2]) then
    return 0
  end
  redis.call('ZADD', keys[2], args[3], args[4])
  local seq = redis.call('INCR', keys[3])
  redis.call('SPUBLISH', keys[4], args[4] .. ' ' .. seq)
  return seq
end)";

fn person(number: usize) -> PersonId {
    PersonId::from_uuid(Uuid::from_u128(number as u128 + 1))
}

fn screening(call: usize) -> ScreeningId {
    ScreeningId::from_uuid(Uuid::from_u128((call / SEATS) as u128 + 1))
}

fn seat(call: usize) -> SeatId {
    let row = ["A", "B", "C", "D"][call % 4];
    SeatId::new(row, u8::try_from(call % SEATS / 4 + 1).unwrap()).unwrap()
}

/// The CPU time that this process and Redis have used so far, in microseconds.
async fn spent(redis: &RedisServer) -> (f64, f64) {
    let ticks = |pid: &str| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let fields: Vec<f64> =
            stat.rsplit(')').next().unwrap().split_whitespace().map(|f| f.parse().unwrap_or(0.0)).collect();
        // The fields with user and system time, in hundredths of a second.
        (fields[11] + fields[12]) * 10_000.0
    };
    let cpu = redis.cli(&["INFO", "cpu"]).await;
    let of = |name: &str| cpu.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().parse::<f64>().unwrap();
    (ticks("self"), (of("used_cpu_user:") + of("used_cpu_sys:")) * 1e6)
}

async fn measure<F: Future<Output = ()> + Send + 'static>(
    what: &str,
    redis: &RedisServer,
    (calls, at_once): (usize, usize),
    call: impl Fn(usize) -> F,
) -> f64 {
    let before = spent(redis).await;
    stream::iter((0..calls).map(|index| tokio::spawn(call(index))))
        .buffer_unordered(at_once)
        .for_each(|done| async {
            done.expect("a call");
        })
        .await;
    let after = spent(redis).await;
    let each = |before: f64, after: f64| (after - before) / calls as f64;
    let (ours, theirs) = (each(before.0, after.0), each(before.1, after.1));
    println!("{what:24} {ours:6.1} µs here  {theirs:6.1} µs in Redis");
    theirs
}

async fn bare(mut connection: MultiplexedConnection, call: usize) {
    let (screening, seat) = (screening(call), seat(call));
    let key = |name: &str| format!("bare:{{00}}:{name}");
    let mut function = redis::cmd("FCALL");
    function.arg("bare_lock").arg(4);
    function.arg(key(&format!("{screening}:{seat}"))).arg(key("due")).arg(key("seq")).arg(key(&screening.to_string()));
    function.arg(person(call).to_string()).arg(TTL_MS).arg(1_732_600_000_000_i64).arg(format!("{screening}/{seat}"));
    let seq: i64 = function.query_async(&mut connection).await.unwrap();
    assert!(seq > 0);
}

async fn lock(locks: Arc<RedisLocks>, call: usize, who: usize) -> LockReply {
    let (screening, holder, seats) = (screening(call), person(who), [seat(call)]);
    let call = LockSeats { screening, holder, seats: &seats, not_for_sale: &[], ttl_ms: TTL_MS, seats_max: 10 };
    locks.lock(&call).await.unwrap()
}

#[tokio::main]
async fn main() {
    let mut numbers = std::env::args().skip(1).map(|word| word.parse().expect("a number"));
    let (calls, at_once) = (numbers.next().unwrap_or(100_000), numbers.next().unwrap_or(50));
    let size = (calls, at_once);
    let redis = RedisServer::start().await;
    let locks =
        Arc::new(RedisLocks::open(RedisUrl::parse(&redis.url()).unwrap(), LongestTimes::default()).await.unwrap());
    redis.cli(&["FUNCTION", "LOAD", BARE]).await;
    let client = redis::Client::open(redis.url()).unwrap();
    let connection = client.get_multiplexed_async_connection().await.unwrap();
    for first in (0..calls).step_by(SEATS) {
        let loaded = locks.load(screening(first), 0, &SeatTruth::default()).await;
        assert!(loaded.is_ok());
    }

    println!("{calls} calls, {at_once} at once");
    let least = measure("a bare function", &redis, size, |call| bare(connection.clone(), call)).await;
    let locked = measure("a lock", &redis, size, |call| {
        let locks = Arc::clone(&locks);
        async move { assert!(matches!(lock(locks, call, call).await, LockReply::Held(_))) }
    })
    .await;
    measure("a refusal", &redis, size, |call| {
        let locks = Arc::clone(&locks);
        async move { assert!(matches!(lock(locks, call, call + 1).await, LockReply::Taken(_))) }
    })
    .await;
    measure("a release", &redis, size, |call| {
        let locks = Arc::clone(&locks);
        async move { drop(locks.release(screening(call), person(call), None).await.unwrap()) }
    })
    .await;
    println!("a lock costs Redis {:.2} times what the bare function does", locked / least);
}
