//! Redis loses data: no seat that is sold in the store is locked again, and no sequence number is used twice.

use seatkeeper_core::{
    locks::{ClaimedSeat, LockReply, SeatTruth},
    ports::{LiveChanges as _, Releases as _, SeatLocks as _, SeatMaps as _},
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

/// The master dies with a lock and a sale that its replica has not received, and the replica is promoted.
#[tokio::test]
async fn seat_map_is_loaded_again_when_a_replica_is_promoted() {
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
    assert!(scene.snapshot().await.seq > before, "no sequence is used twice");
    assert_eq!(scene.lock(bob, "A1 A3").await.unwrap(), LockReply::Taken(seats("A1 A3").into()));
    scene.take(bob, "A2").await;
}

/// A node of a cluster dies; the client finds the promoted replica by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn seat_maps_of_a_dead_node_are_loaded_again_after_a_cluster_failover() {
    let impatient = ["--cluster-node-timeout", "1000", "--cluster-replica-validity-factor", "0"];
    let mut cluster = RedisCluster::start_with(&impatient).await;
    let replica = cluster.start_replica_of_first(&impatient).await;
    let locks = open(&cluster.url()).await;
    let mut scenes = Vec::new();
    // So many screenings that each node has some of them.
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
        wait_until("the screening's node answers again", answers).await;
        match scene.lock(someone(), "A1").await.unwrap() {
            LockReply::NotLoaded { .. } => lost += 1,
            LockReply::Taken(_) => continue,
            other => panic!("the seat was locked: {other:?}"),
        }
        scene.load(&sold("A2")).await;
        assert_eq!(scene.lock(someone(), "A2").await.unwrap(), LockReply::Taken(seats("A2").into()));
    }
    assert!((1..scenes.len()).contains(&lost), "{lost} of {} were on the dead node", scenes.len());
    wait_until("sweeping works again", || async { locks.sweep().await.is_ok() }).await;
}

/// Redis restarts from an older dump, which has lower sequence numbers.
#[tokio::test]
async fn no_sequence_number_is_used_twice_when_redis_restarts_from_an_older_dump() {
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

/// Redis loses all data in the middle of a sale.
#[tokio::test]
async fn seat_map_is_loaded_from_the_store_when_redis_has_lost_all_data() {
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
    let claim = ClaimedSeat { id: seats("A1")[0], holder: ann, payment, until, extended_from: None };
    scene.load(&SeatTruth { sold: seats("A3"), claimed: vec![claim], ..SeatTruth::default() }).await;
    assert_eq!(scene.lock(bob, "A1 A3").await.unwrap(), LockReply::Taken(seats("A1 A3").into()));
    assert!(matches!(scene.lock(ann, "A2").await.unwrap(), LockReply::Paying(lock) if lock.payment == payment));
    scene.take(bob, "A2").await;
    assert!(scene.snapshot().await.seq > before);
    while let Some(event) = feed.recv().await {
        assert!(seq_of(&event) <= before, "who watched before is told to start over");
    }
}

/// The function library is missing: in this test on a single Redis, in the next test on a node of a cluster.
#[tokio::test]
async fn missing_functions_are_loaded_and_the_call_is_retried() {
    let redis = RedisServer::start().await;
    let scene = Scene::loaded(&open(&redis.url()).await).await;
    redis.cli(&["FUNCTION", "FLUSH"]).await;
    scene.take(someone(), "A1").await;
    redis.cli(&["FUNCTION", "FLUSH"]).await;
    scene.locks.sweep().await.unwrap();
    assert_eq!(scene.map().await, "A1 locked");
}

#[tokio::test]
async fn missing_functions_are_loaded_on_a_cluster_node() {
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

/// Besides its fields in the seat map, a lock has a key in Redis with the holder as value. Redis itself expires the
/// key.
#[tokio::test]
async fn lock_expires_in_redis_while_no_server_runs() {
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
    wait_until("the lock expires", || async { redis.cli(&["EXISTS", &two]).await == "0" }).await;
    scene.take(someone(), "A2").await;
    let hold = scene.locks.release(scene.screening, ann, None).await.unwrap();
    assert_eq!(redis.cli(&["EXISTS", &one]).await, "0", "{hold:?}");
}
