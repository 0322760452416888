//! Opening the lock store: unsuitable Redis servers are refused, and servers of two versions share one Redis.

use seatkeeper_cluster::redis::{RedisLocks, RedisUrl};
use seatkeeper_core::{
    locks::{LiveEvent, LockReply, LongestTimes},
    ports::{BackendError, Health as _, LiveChanges as _, LiveFeed, Releases as _, SeatLocks as _, SeatMaps as _},
};
use seatkeeper_testbed::{RedisServer, WAIT_MAX, free_port, wait_until};

use crate::{
    scene::{Scene, TTL_MS, seats, some_payment, someone},
    server::{open, shared_cluster},
};

async fn refusal(url: &str) -> BackendError {
    match RedisLocks::open(RedisUrl::parse(url).unwrap(), LongestTimes::default()).await {
        Ok(_) => panic!("{url} was accepted"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn redis_that_evicts_keys_is_refused() {
    for policy in ["allkeys-lru", "volatile-ttl"] {
        let redis = RedisServer::start_with(&["--maxmemory-policy", policy]).await;
        let error = refusal(&redis.url()).await;
        assert!(!error.retryable && error.to_string().contains(policy), "{error}");
    }
}

#[tokio::test]
async fn url_of_a_single_redis_is_refused_for_a_cluster_node_and_a_cluster_url_for_a_single_redis() {
    let url = shared_cluster().await;
    let node = url.trim_start_matches("redis+cluster://").split(',').next().unwrap();
    let error = refusal(&format!("redis://{node}")).await;
    assert!(!error.retryable && error.to_string().contains("redis+cluster://"), "{error}");
    let one = RedisServer::start().await;
    refusal(&format!("redis+cluster://{}", one.address())).await;
}

#[tokio::test]
async fn open_fails_with_a_retryable_error_when_redis_is_unreachable() {
    let error = refusal(&format!("redis://127.0.0.1:{}", free_port())).await;
    assert!(error.retryable, "{error}");
}

#[tokio::test]
async fn password_in_the_url_is_used_and_not_shown_in_errors() {
    let redis = RedisServer::start().await;
    redis.cli(&["CONFIG", "SET", "requirepass", "s3cret"]).await;
    for wrong in [redis.url(), format!("redis://:wrong@{}", redis.address())] {
        let error = refusal(&wrong).await;
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }
    let locks = open(&format!("redis://:s3cret@{}", redis.address())).await;
    assert!(locks.ping().await.is_ok());
}

/// An account with exactly the rights that docs/operating.md lists.
#[tokio::test]
async fn account_with_only_the_documented_rights_is_sufficient() {
    let redis = RedisServer::start().await;
    let docs = include_str!("../../../../docs/operating.md").split_whitespace().collect::<Vec<_>>().join(" ");
    let named =
        docs.split("needs `~").nth(1).and_then(|rest| rest.split('`').next()).expect("the document lists the rights");
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
    locks.sweep().await.expect("the account may unsubscribe");
    assert_eq!(redis.cli(&["PUBSUB", "SHARDCHANNELS"]).await.trim(), "", "the subscription has ended");
    scene.sell("A1").await;
    // An account that was set up for the previous version may lack the right to count subscribers. Then every change is
    // also published in version 1.
    assert_eq!(redis.cli(&["ACL", "SETUSER", "cinema", "-pubsub|shardnumsub"]).await.trim(), "OK");
    scene.take(ann, "A2").await;
    assert!(locks.ping().await.is_ok());
    assert!(locks.list_states(&[scene.screening]).await.is_ok() && locks.list_releases(None, 10).await.is_ok());
}

#[tokio::test]
async fn tls_url_is_refused_for_a_redis_without_tls() {
    let redis = RedisServer::start().await;
    refusal(&format!("rediss://{}", redis.address())).await;
}

/// Servers of two versions share the seat maps, and each version calls its own functions. The functions of version 1
/// are the text that was shipped.
#[tokio::test]
async fn functions_of_two_versions_work_on_the_same_seat_map() {
    let redis = RedisServer::start().await;
    let locks = open(&redis.url()).await;
    let scene = Scene::loaded(&locks).await;
    let bob = someone();
    scene.take(someone(), "A1").await;
    let old = include_str!("function_v1.lua");
    assert_eq!(redis.cli(&["FUNCTION", "LOAD", old]).await, "seatkeeper_v1");

    let key = scene.key(&redis.cli(&["KEYS", "*"]).await);
    let of_tag = |name: &str| key.replace(&scene.screening.to_string(), name);
    let (due, releases, holder) = (of_tag("due"), of_tag("releases"), bob.to_string());
    let lock = |seat| {
        let words =
            ["FCALL", "seatkeeper_v1_lock", "3", &key, &due, &releases, "9e15", &holder, "300000", "10", "1", seat];
        words.map(str::to_owned)
    };
    let by_old = |seat| {
        let words = lock(seat);
        let redis = &redis;
        async move { redis.cli(&words.each_ref().map(String::as_str)).await }
    };
    assert!(by_old("A1").await.ends_with("\n4\nA1"), "taken, and not \"not loaded\"");
    assert!(by_old("A2").await.contains("\n1\n\nA2\n"), "held");
    assert_eq!(scene.lock(someone(), "A2").await.unwrap(), LockReply::Taken(seats("A2").into()));
    assert_eq!(scene.take(bob, "A3").await.seats.len(), 2);

    // The functions of version 1 treat withdrawn seats as sold and do not change them.
    scene.locks.withdraw(scene.screening, &seats("A4")).await.unwrap();
    assert!(by_old("A4").await.ends_with("\n4\nA4"), "taken");
    assert_eq!(scene.map().await, "A1 locked, A2 locked, A3 locked, A4 unavailable");
}

/// A server of the previous version receives every change as a message of version 1. Servers of this version receive
/// each change once, whichever version made it.
#[tokio::test]
async fn servers_of_both_versions_receive_every_change_of_a_screening() {
    let redis = RedisServer::start().await;
    let scene = Scene::loaded(&open(&redis.url()).await).await;
    redis.cli(&["FUNCTION", "LOAD", include_str!("function_v1.lua")]).await;
    let key = scene.key(&redis.cli(&["KEYS", "*"]).await);
    let of_tag = |name: &str| key.replace(&scene.screening.to_string(), name);
    let (due, releases) = (of_tag("due"), of_tag("releases"));
    let mut feed = scene.locks.watch(scene.screening).await.unwrap();
    let mut old = OldWatcher::subscribe(&redis, &key).await;
    let (ann, bob, payment) = (someone(), someone(), some_payment());
    let mut seq = scene.snapshot().await.seq;
    let mut expect = async |feed: &mut LiveFeed, by_old_server: bool| {
        let event = feed.recv().await.expect("an open feed");
        let LiveEvent::Seats(change) = &*event else { panic!("{event:?}") };
        assert_eq!((change.prev, change.holds.is_none()), (seq, by_old_server));
        seq = change.seq;
        change.clone()
    };

    let until = scene.take(ann, "A1").await.seats[0].until;
    let change = expect(&mut feed, false).await;
    assert_eq!(old.next().await, format!("1 {} {} A1 {until}", change.prev, change.seq));

    let holder = bob.to_string();
    redis
        .cli(&["FCALL", "seatkeeper_v1_lock", "3", &key, &due, &releases, "9e15", &holder, "300000", "10", "1", "B1"])
        .await;
    let change = expect(&mut feed, true).await;
    assert!(old.next().await.starts_with(&format!("1 {} {} B1 ", change.prev, change.seq)));

    scene.locks.start_payment(scene.screening, ann, payment, TTL_MS).await.unwrap();
    let change = expect(&mut feed, false).await;
    assert!(old.next().await.starts_with(&format!("1 {} {} A1 ", change.prev, change.seq)));

    // Only a payment lock has changed. A message of version 1 cannot be empty, so it contains an unchanged seat.
    scene.locks.end_payment(scene.screening, ann, payment).await.unwrap();
    let change = expect(&mut feed, false).await;
    assert_eq!(change.changes, []);
    assert!(old.next().await.starts_with(&format!("1 {} {} A1 ", change.prev, change.seq)));

    scene.locks.withdraw(scene.screening, &seats("C1")).await.unwrap();
    let change = expect(&mut feed, false).await;
    assert_eq!(old.next().await, format!("1 {} {} C1 B", change.prev, change.seq), "withdrawn is sold to version 1");

    // Without subscribers of the previous version, nothing is published in version 1.
    drop(old);
    wait_until("the old watcher is gone", || async {
        redis.cli(&["PUBSUB", "SHARDNUMSUB", &key]).await.lines().last() == Some("1")
    })
    .await;
    redis.cli(&["CONFIG", "RESETSTAT"]).await;
    scene.take(ann, "A2").await;
    expect(&mut feed, false).await;
    let stats = redis.cli(&["INFO", "commandstats"]).await;
    assert!(stats.contains("cmdstat_spublish:calls=1,"), "{stats}");
}

/// A subscription to the channel of version 1, like that of a server of the previous version.
struct OldWatcher {
    messages: tokio::sync::mpsc::UnboundedReceiver<redis::PushInfo>,
    _connection: redis::aio::MultiplexedConnection,
}

impl OldWatcher {
    async fn subscribe(redis: &RedisServer, channel: &str) -> Self {
        let (sender, messages) = tokio::sync::mpsc::unbounded_channel();
        let client = redis::Client::open(format!("{}?protocol=resp3", redis.url())).unwrap();
        let config = redis::AsyncConnectionConfig::new().set_push_sender(sender);
        let mut connection = client.get_multiplexed_async_connection_with_config(&config).await.unwrap();
        redis::cmd("SSUBSCRIBE").arg(channel).exec_async(&mut connection).await.unwrap();
        Self { messages, _connection: connection }
    }

    async fn next(&mut self) -> String {
        loop {
            let push = tokio::time::timeout(WAIT_MAX, self.messages.recv()).await.expect("in time").expect("connected");
            if push.kind == redis::PushKind::SMessage {
                return redis::from_redis_value(push.data[1].clone()).unwrap();
            }
        }
    }
}
