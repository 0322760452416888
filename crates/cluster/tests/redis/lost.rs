//! What Redis forgets: nobody is granted what the store knows to be sold, and no sequence is given twice.

use seatkeeper_core::{
    locks::{ClaimedSeat, LockReply, SeatTruth},
    ports::{LiveChanges as _, SeatLocks as _},
};
use seatkeeper_testbed::{RedisCluster, RedisServer, wait_until};

use crate::{
    scene::{Scene, TTL_MS, seats, seq_of, sold, some_payment, someone},
    server::{RedisClock, open, shared_cluster},
};

async fn assert_not_loaded(scene: &Scene, names: &str) {
    let reply = scene.lock(someone(), names).await.unwrap();
    assert!(matches!(reply, LockReply::NotLoaded { .. }), "{reply:?}");
}

/// 18: Redis dies with a lock and a sale that its replica never saw; the replica is promoted.
#[tokio::test]
async fn a_promoted_replica_trusts_no_mark_and_is_loaded_again() {
    let mut master = RedisServer::start().await;
    let scene = Scene::loaded(&open(&master.url()).await).await;
    let (ann, bob) = (someone(), someone());
    scene.take(ann, "A1").await;
    let replica = master.start_replica().await;
    replica.cli(&["REPLICAOF", "NO", "ONE"]).await;
    scene.take(ann, "A2").await;
    scene.sell("A3").await;
    let before = scene.snapshot().await.seq;
    master.process.kill().await;

    let scene = scene.by(&open(&replica.url()).await);
    assert_not_loaded(&scene, "A3").await;
    scene.load(&sold("A3")).await;
    assert_eq!(scene.map().await, "A1 locked, A3 booked");
    assert!(scene.snapshot().await.seq > before, "no sequence is given twice");
    assert_eq!(scene.lock(bob, "A1 A3").await.unwrap(), LockReply::Taken(seats("A1 A3").into()));
    scene.take(bob, "A2").await;
}

/// 18, in a cluster: the client finds the promoted replica by itself, and what was on the dead node is loaded again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_that_fails_over_is_followed_and_loaded_again() {
    let impatient = ["--cluster-node-timeout", "1000", "--cluster-replica-validity-factor", "0"];
    let mut cluster = RedisCluster::start_with(&impatient).await;
    let replica = cluster.start_replica_of_first(&impatient).await;
    let locks = open(&cluster.url()).await;
    let mut scenes = Vec::new();
    // So many that each node has some.
    for _ in 0..40 {
        let scene = Scene::loaded(&locks).await;
        scene.take(someone(), "A1").await;
        scenes.push(scene);
    }
    cluster.nodes[0].process.kill().await;
    let is_promoted = || async { replica.cli(&["INFO", "replication"]).await.contains("role:master") };
    wait_until("the replica is promoted", is_promoted).await;

    let mut lost = 0;
    for scene in &scenes {
        let answers = || async { scene.lock(someone(), "A1").await.is_ok() };
        wait_until("the screening is found again", answers).await;
        match scene.lock(someone(), "A1").await.unwrap() {
            LockReply::NotLoaded { .. } => lost += 1,
            LockReply::Taken(_) => continue,
            other => panic!("it was locked: {other:?}"),
        }
        scene.load(&sold("A2")).await;
        assert_eq!(scene.lock(someone(), "A2").await.unwrap(), LockReply::Taken(seats("A2").into()));
    }
    assert!((1..scenes.len()).contains(&lost), "{lost} of {} were on the dead node", scenes.len());
    wait_until("sweeping works again", || async { locks.sweep().await.is_ok() }).await;
}

/// 19: Redis comes back from an older dump, with older counters.
#[tokio::test]
async fn counters_rolled_back_never_give_an_old_number_again() {
    let mut redis = RedisServer::start().await;
    let scene = Scene::loaded(&open(&redis.url()).await).await;
    let mut feed = scene.locks.watch(scene.screening).await.unwrap();
    let ann = someone();
    scene.take(ann, "A1").await;
    redis.cli(&["SAVE"]).await;
    scene.take(ann, "A2").await;
    scene.sell("A3").await;
    let before = scene.snapshot().await.seq;
    redis.process.kill().await;
    redis.restart().await;

    assert_not_loaded(&scene, "A3").await;
    scene.load(&sold("A3")).await;
    assert_eq!(scene.map().await, "A1 locked, A3 booked");
    assert!(scene.snapshot().await.seq > before);
    while let Some(event) = feed.recv().await {
        assert!(seq_of(&event) <= before, "who watched before is told to start over");
    }
}

/// 20: Redis comes back empty in the middle of a sale.
#[tokio::test]
async fn an_empty_redis_is_filled_from_the_store() {
    let redis = RedisServer::start().await;
    let (scene, clock) = (Scene::loaded(&open(&redis.url()).await).await, RedisClock::of(&redis.url()));
    let (ann, bob, payment) = (someone(), someone(), some_payment());
    let mut feed = scene.locks.watch(scene.screening).await.unwrap();
    scene.take(ann, "A1").await;
    scene.locks.start_payment(scene.screening, ann, payment, TTL_MS).await.unwrap();
    scene.sell("A3").await;
    let before = scene.snapshot().await.seq;
    redis.cli(&["FLUSHALL"]).await;

    assert_not_loaded(&scene, "A1").await;
    assert_eq!(scene.locks.list_states(&[scene.screening]).await.unwrap(), [None]);
    let until = clock.now_ms() + TTL_MS;
    let claim = ClaimedSeat { id: seats("A1")[0], holder: ann, payment, until, kept_from: None };
    scene.load(&SeatTruth { sold: seats("A3"), claimed: vec![claim], ..SeatTruth::default() }).await;
    assert_eq!(scene.lock(bob, "A1 A3").await.unwrap(), LockReply::Taken(seats("A1 A3").into()));
    assert!(matches!(scene.lock(ann, "A2").await.unwrap(), LockReply::Paying(lock) if lock.payment == payment));
    scene.take(bob, "A2").await;
    assert!(scene.snapshot().await.seq > before);
    while let Some(event) = feed.recv().await {
        assert!(seq_of(&event) <= before, "who watched before is told to start over");
    }
}

/// 21: the function is missing, on one Redis and on a node of a cluster.
#[tokio::test]
async fn a_missing_function_is_loaded_and_the_call_made_again() {
    let redis = RedisServer::start().await;
    let scene = Scene::loaded(&open(&redis.url()).await).await;
    redis.cli(&["FUNCTION", "FLUSH"]).await;
    scene.take(someone(), "A1").await;
    redis.cli(&["FUNCTION", "FLUSH"]).await;
    scene.locks.sweep().await.unwrap();
    assert_eq!(scene.map().await, "A1 locked");
}

#[tokio::test]
async fn a_node_of_a_cluster_without_the_function_is_given_it() {
    let url = shared_cluster().await;
    let locks = open(&url).await;
    let scenes: Vec<Scene> = (0..20).map(|_| Scene::new(&locks)).collect();
    let first = url.trim_start_matches("redis+cluster://").split(',').next().unwrap();
    let client = redis::Client::open(format!("redis://{first}")).unwrap();
    let flushed = redis::cmd("FUNCTION").arg("FLUSH").exec(&mut client.get_connection().unwrap());
    assert_eq!(flushed, Ok(()));
    for scene in &scenes {
        scene.load(&sold("")).await;
        scene.take(someone(), "A1").await;
    }
}

/// What a lock is in Redis, for whoever looks: a key with its holder, which ends by itself.
#[tokio::test]
async fn a_lock_ends_by_itself_with_every_server_down() {
    let redis = RedisServer::start().await;
    let scene = Scene::loaded(&open(&redis.url()).await).await;
    let ann = someone();
    scene.take(ann, "A1").await;
    scene.lock_for(ann, "A2", 400).await.unwrap();
    let key = scene.key(&redis.cli(&["KEYS", "*"]).await);
    let (one, two) = (format!("{key}:A1"), format!("{key}:A2"));
    assert_eq!(redis.cli(&["GET", &one]).await, ann.to_string());
    let left: i64 = redis.cli(&["PTTL", &one]).await.parse().unwrap();
    assert!((1..=TTL_MS).contains(&left), "{left}");
    wait_until("its time is up", || async { redis.cli(&["EXISTS", &two]).await == "0" }).await;
    scene.take(someone(), "A2").await;
    let hold = scene.locks.release(scene.screening, ann, None).await.unwrap();
    assert_eq!(redis.cli(&["EXISTS", &one]).await, "0", "{hold:?}");
}
