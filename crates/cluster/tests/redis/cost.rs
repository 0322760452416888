//! Counts the Redis commands that each call of the lock store costs.

use std::collections::BTreeMap;

use seatkeeper_core::ports::{Releases as _, SeatLocks as _, SeatMaps as _};
use seatkeeper_testbed::RedisServer;

use crate::{
    scene::{Scene, someone},
    server::open,
};

/// The commands that Redis has run since the last call of this function, as `"fcall 1, hmget 1"`.
async fn commands(redis: &RedisServer) -> String {
    let stats = redis.cli(&["INFO", "commandstats"]).await;
    redis.cli(&["CONFIG", "RESETSTAT"]).await;
    let read = |line: &str| {
        let (name, rest) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
        Some((name.to_owned(), rest.split(',').next()?.to_owned()))
    };
    let mut calls: BTreeMap<String, String> = stats.lines().filter_map(read).collect();
    calls.retain(|name, _| !["info", "config|resetstat"].contains(&name.as_str()));
    calls.iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
}

/// A lock call costs one round trip, and its function runs only the unavoidable commands. The other calls are counted
/// too.
#[tokio::test]
async fn each_lock_store_call_runs_only_the_expected_redis_commands() {
    let redis = RedisServer::start().await;
    let scene = Scene::loaded(&open(&redis.url()).await).await;
    let (ann, bob) = (someone(), someone());
    scene.take(someone(), "B1").await;
    commands(&redis).await;
    scene.take(ann, "A1").await;
    assert_eq!(
        commands(&redis).await,
        "fcall 1, hmget 1, hset 1, pubsub|shardnumsub 1, set 1, spublish 1, time 1, zadd 1"
    );
    scene.lock(bob, "A1").await.unwrap();
    assert_eq!(commands(&redis).await, "fcall 1, hmget 1, time 1", "a refusal changes nothing");
    scene.locks.release(scene.screening, ann, None).await.unwrap();
    let release = "del 1, fcall 1, hdel 1, hmget 2, hset 1, pubsub|shardnumsub 1, spublish 1, time 1, xadd 1, zrem 1";
    assert_eq!(commands(&redis).await, release);
    scene.locks.list_states(&[scene.screening]).await.unwrap();
    assert_eq!(commands(&redis).await, "fcall 1, hget 1, time 1");
    scene.locks.snapshot(scene.screening).await.unwrap().unwrap();
    assert_eq!(commands(&redis).await, "fcall 1, hgetall 1, time 1");
    scene.locks.sweep().await.unwrap();
    assert_eq!(commands(&redis).await, "fcall 64, time 64, zrange 64");
}
