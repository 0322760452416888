//! Redis away, frozen or full: errors that say "try again", in time, and recovery by itself.

use futures_util::future::join_all;
use seatkeeper_cluster::redis::CALL_WITHIN;
use seatkeeper_core::{
    locks::LockReply,
    ports::{Health as _, LiveChanges as _, SeatLocks as _},
};
use seatkeeper_testbed::{RedisServer, wait_until};

use crate::{
    scene::{Scene, is_retryable, sold, someone},
    server::open,
};

/// A request waits for Redis less than a second.
const _: () = assert!(CALL_WITHIN.as_millis() < 1_000);

/// How many calls Redis has been asked to run.
async fn count_calls(redis: &RedisServer) -> u32 {
    let stats = redis.cli(&["INFO", "commandstats"]).await;
    let calls = stats.lines().find_map(|line| line.strip_prefix("cmdstat_fcall:calls=")?.split(',').next());
    calls.expect("calls of functions").parse().unwrap()
}

/// 23: frozen with calls in its sockets, then thawed: they come too late and do nothing.
#[tokio::test]
async fn a_frozen_redis_is_an_error_in_time_and_does_nothing_when_it_thaws() {
    let redis = RedisServer::start().await;
    let scene = Scene::loaded(&open(&redis.url()).await).await;
    let (ann, bob) = (someone(), someone());
    scene.take(ann, "A1").await;
    scene.sell("A2").await;
    let (before, calls) = (scene.snapshot().await, count_calls(&redis).await);

    redis.process.freeze().await;
    let locks = join_all(["B1", "B2", "B3 B4"].map(|seats| scene.lock(bob, seats)));
    let release = scene.locks.release(scene.screening, ann, None);
    let (locks, release, health) = tokio::join!(locks, release, scene.locks.ping());
    assert!(locks.iter().all(is_retryable) && is_retryable(&release) && is_retryable(&health));
    redis.process.thaw().await;

    let stuck = 4;
    wait_until("Redis has read what was stuck", || async { count_calls(&redis).await >= calls + stuck }).await;
    assert_eq!(scene.snapshot().await, before, "nothing was done");
    scene.take(bob, "B1").await;
    assert!(scene.locks.ping().await.is_ok());
}

#[tokio::test]
async fn a_killed_redis_is_an_error_and_its_successor_is_found() {
    let mut redis = RedisServer::start().await;
    let scene = Scene::loaded(&open(&redis.url()).await).await;
    let mut feed = scene.locks.watch(scene.screening).await.unwrap();
    scene.take(someone(), "A1").await;
    assert!(feed.recv().await.is_some());
    redis.process.kill().await;
    assert!(feed.recv().await.is_none(), "who watches is told that changes are lost");
    for _ in 0..3 {
        assert!(is_retryable(&scene.lock(someone(), "A2").await));
        assert!(is_retryable(&scene.locks.watch(scene.screening).await));
        assert!(is_retryable(&scene.locks.ping().await));
    }
    redis.restart().await;
    wait_until("it is found again", || async { scene.locks.ping().await.is_ok() }).await;
    assert!(matches!(scene.lock(someone(), "A2").await, Ok(LockReply::NotLoaded { .. })));
    scene.load(&sold("A1")).await;
    let mut feed = scene.locks.watch(scene.screening).await.unwrap();
    scene.take(someone(), "A2").await;
    assert!(feed.recv().await.is_some());
}

/// 22: no memory left: refusals are clean, nothing is half done, and what gives memory back goes on.
#[tokio::test]
async fn a_full_redis_refuses_cleanly_and_still_lets_go() {
    let redis = RedisServer::start().await;
    let scene = Scene::loaded(&open(&redis.url()).await).await;
    let (ann, bob) = (someone(), someone());
    scene.take(ann, "A1 A2").await;
    let (before, keys) = (scene.snapshot().await, redis.cli(&["DBSIZE"]).await);
    redis.cli(&["CONFIG", "SET", "maxmemory", "1"]).await;
    assert!(is_retryable(&scene.lock(bob, "B1 B2").await));
    assert!(is_retryable(&scene.locks.mark_sold(scene.screening, crate::scene::some_payment(), &[]).await));
    assert!(is_retryable(&scene.locks.ping().await));
    assert_eq!((scene.snapshot().await, redis.cli(&["DBSIZE"]).await), (before, keys), "nothing is half done");
    scene.locks.release(scene.screening, ann, None).await.unwrap();
    scene.locks.sweep().await.unwrap();
    assert_eq!(scene.map().await, "");

    redis.cli(&["CONFIG", "SET", "maxmemory", "0"]).await;
    scene.take(bob, "B1 B2").await;
    assert!(scene.locks.ping().await.is_ok());
}

/// A Redis that was demoted refuses writes; the connection to it is given up, because its name may lead elsewhere now.
#[tokio::test]
async fn a_redis_that_became_a_replica_is_left() {
    let (redis, other) = (RedisServer::start().await, RedisServer::start().await);
    let scene = Scene::loaded(&open(&redis.url()).await).await;
    let mut feed = scene.locks.watch(scene.screening).await.unwrap();
    let port = other.url().rsplit(':').next().unwrap().to_owned();
    redis.cli(&["REPLICAOF", "127.0.0.1", &port]).await;
    assert!(is_retryable(&scene.lock(someone(), "A1").await));
    assert!(feed.recv().await.is_none());
    redis.cli(&["REPLICAOF", "NO", "ONE"]).await;
    wait_until("it is found again", || async { scene.locks.ping().await.is_ok() }).await;
}
