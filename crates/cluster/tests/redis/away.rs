//! Redis is unreachable, frozen or out of memory: calls fail in time with retryable errors, and work again once Redis
//! does.

use futures_util::future::join_all;
use seatkeeper_cluster::redis::CALL_WITHIN;
use seatkeeper_core::{
    locks::LockReply,
    ports::{Health as _, LiveChanges as _, Releases as _, SeatLocks as _, SeatMaps as _},
};
use seatkeeper_testbed::{RedisServer, wait_until};

use crate::{
    scene::{Scene, is_retryable, sold, someone},
    server::open,
};

/// A request may wait for Redis for less than a second.
const _: () = assert!(CALL_WITHIN.as_millis() < 1_000);

/// The number of function calls that Redis has run so far.
async fn count_calls(redis: &RedisServer) -> u32 {
    let stats = redis.cli(&["INFO", "commandstats"]).await;
    let calls = stats.lines().find_map(|line| line.strip_prefix("cmdstat_fcall:calls=")?.split(',').next());
    calls.expect("calls of functions").parse().unwrap()
}

/// Redis is frozen while calls wait in its socket buffers. When it is resumed, their deadline has passed.
#[tokio::test]
async fn calls_to_a_frozen_redis_fail_in_time_and_have_no_effect_when_it_is_resumed() {
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
    wait_until("Redis has read the late calls", || async { count_calls(&redis).await >= calls + stuck }).await;
    assert_eq!(scene.snapshot().await, before, "late calls do nothing");
    scene.take(bob, "B1").await;
    assert!(scene.locks.ping().await.is_ok());
}

#[tokio::test]
async fn calls_fail_while_redis_is_down_and_work_again_after_its_restart() {
    let mut redis = RedisServer::start().await;
    let scene = Scene::loaded(&open(&redis.url()).await).await;
    let mut feed = scene.locks.watch(scene.screening).await.unwrap();
    scene.take(someone(), "A1").await;
    assert!(feed.recv().await.is_some());
    redis.process.kill().await;
    assert!(feed.recv().await.is_none(), "the feed closes because changes may be lost");
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

/// Redis is out of memory: new locks fail, and seats can still be released.
#[tokio::test]
async fn redis_without_memory_refuses_locks_without_partial_writes_and_accepts_releases() {
    let redis = RedisServer::start().await;
    let scene = Scene::loaded(&open(&redis.url()).await).await;
    let (ann, bob) = (someone(), someone());
    scene.take(ann, "A1 A2").await;
    let (before, keys) = (scene.snapshot().await, redis.cli(&["DBSIZE"]).await);
    redis.cli(&["CONFIG", "SET", "maxmemory", "1"]).await;
    assert!(is_retryable(&scene.lock(bob, "B1 B2").await));
    assert!(is_retryable(&scene.locks.mark_sold(scene.screening, crate::scene::some_payment(), &[]).await));
    assert!(is_retryable(&scene.locks.ping().await));
    assert_eq!((scene.snapshot().await, redis.cli(&["DBSIZE"]).await), (before, keys), "no partial writes");
    scene.locks.release(scene.screening, ann, None).await.unwrap();
    scene.locks.sweep().await.unwrap();
    assert_eq!(scene.map().await, "");

    redis.cli(&["CONFIG", "SET", "maxmemory", "0"]).await;
    scene.take(bob, "B1 B2").await;
    assert!(scene.locks.ping().await.is_ok());
}

/// After a failover the old master refuses writes, and its host name may resolve to the new master.
#[tokio::test]
async fn connection_to_a_redis_that_became_a_replica_is_dropped() {
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
