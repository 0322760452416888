//! What is asked of a Redis before it is trusted with seats.

use seatkeeper_cluster::redis::{RedisLocks, RedisUrl};
use seatkeeper_core::{
    locks::LockReply,
    ports::{BackendError, Health as _, LiveChanges as _, SeatLocks as _},
};
use seatkeeper_testbed::{RedisServer, free_port};

use crate::{
    scene::{Scene, seats, someone},
    server::{open, shared_cluster},
};

async fn refusal(url: &str) -> BackendError {
    match RedisLocks::open(RedisUrl::parse(url).unwrap()).await {
        Ok(_) => panic!("{url} was taken"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn a_redis_that_evicts_is_refused() {
    for policy in ["allkeys-lru", "volatile-ttl"] {
        let redis = RedisServer::start_with(&["--maxmemory-policy", policy]).await;
        let error = refusal(&redis.url()).await;
        assert!(!error.retryable && error.to_string().contains(policy), "{error}");
    }
}

#[tokio::test]
async fn a_node_of_a_cluster_is_not_taken_for_one_redis() {
    let url = shared_cluster().await;
    let node = url.trim_start_matches("redis+cluster://").split(',').next().unwrap();
    let error = refusal(&format!("redis://{node}")).await;
    assert!(!error.retryable && error.to_string().contains("redis+cluster://"), "{error}");
    let one = RedisServer::start().await;
    refusal(&format!("redis+cluster://{}", one.address())).await;
}

#[tokio::test]
async fn a_redis_that_is_not_there_is_a_failure_that_says_so() {
    let error = refusal(&format!("redis://127.0.0.1:{}", free_port())).await;
    assert!(error.retryable, "{error}");
}

#[tokio::test]
async fn the_password_is_in_the_url() {
    let redis = RedisServer::start().await;
    redis.cli(&["CONFIG", "SET", "requirepass", "s3cret"]).await;
    for wrong in [redis.url(), format!("redis://:wrong@{}", redis.address())] {
        let error = refusal(&wrong).await;
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }
    let locks = open(&format!("redis://:s3cret@{}", redis.address())).await;
    assert!(locks.ping().await.is_ok());
}

/// With the rights that docs/operating.md names, and no others.
#[tokio::test]
async fn an_account_needs_the_rights_that_are_named() {
    let redis = RedisServer::start().await;
    let docs = include_str!("../../../../docs/operating.md").split_whitespace().collect::<Vec<_>>().join(" ");
    let named = docs.split("needs `~").nth(1).and_then(|rest| rest.split('`').next()).expect("the docs name them");
    let rights: Vec<String> = format!("~{named}").split(' ').map(str::to_owned).collect();
    let mut user = vec!["ACL", "SETUSER", "cinema", "on", ">pw", "nocommands"];
    user.extend(rights.iter().map(String::as_str));
    assert_eq!(redis.cli(&user).await.trim(), "OK");
    let locks = open(&format!("redis://cinema:pw@{}", redis.address())).await;
    let scene = Scene::loaded(&locks).await;
    let ann = someone();
    {
        let _feed = locks.watch(scene.screening).await.unwrap();
        scene.take(ann, "A1").await;
    }
    locks.sweep().await.expect("the subscription may be ended");
    assert_eq!(redis.cli(&["PUBSUB", "SHARDCHANNELS"]).await.trim(), "", "and is");
    scene.sell("A1").await;
    assert!(locks.ping().await.is_ok());
    assert!(locks.list_states(&[scene.screening]).await.is_ok() && locks.list_releases(None, 10).await.is_ok());
}

#[tokio::test]
async fn a_redis_without_tls_is_no_redis_with_it() {
    let redis = RedisServer::start().await;
    refusal(&format!("rediss://{}", redis.address())).await;
}

/// Servers of two versions share the boards, each with its own functions.
#[tokio::test]
async fn two_versions_live_side_by_side() {
    let redis = RedisServer::start().await;
    let locks = open(&redis.url()).await;
    let scene = Scene::loaded(&locks).await;
    let bob = someone();
    scene.take(someone(), "A1").await;
    let texts = [
        include_str!("../../src/redis/function/board.lua"),
        include_str!("../../src/redis/function/calls.lua"),
        include_str!("../../src/redis/function/library.lua"),
    ];
    let next = texts.concat().replace("seatkeeper_v1", "seatkeeper_v2");
    assert_eq!(redis.cli(&["FUNCTION", "LOAD", &next]).await, "seatkeeper_v2");

    let key = scene.key(&redis.cli(&["KEYS", "*"]).await);
    let of_tag = |name: &str| key.replace(&scene.screening.to_string(), name);
    let (due, releases, holder) = (of_tag("due"), of_tag("releases"), bob.to_string());
    let lock = |seat| {
        let words =
            ["FCALL", "seatkeeper_v2_lock", "3", &key, &due, &releases, "9e15", &holder, "300000", "10", "1", seat];
        words.map(str::to_owned)
    };
    let by_next = |seat| {
        let words = lock(seat);
        let redis = &redis;
        async move { redis.cli(&words.each_ref().map(String::as_str)).await }
    };
    assert!(by_next("A1").await.ends_with("\n4\nA1"), "taken, and not \"not loaded\"");
    assert!(by_next("A2").await.contains("\n1\n\nA2\n"), "held");
    assert_eq!(scene.lock(someone(), "A2").await.unwrap(), LockReply::Taken(seats("A2").into()));
    assert_eq!(scene.take(bob, "A3").await.seats.len(), 2);
}
