//! Live changes over connections that break.

use seatkeeper_core::{
    locks::{LiveChange, LiveEvent},
    ports::{LiveChanges as _, LiveFeed, SeatLocks as _},
};
use seatkeeper_testbed::{RedisServer, wait_until};

use crate::{
    scene::{Scene, someone},
    server::open,
};

async fn next_seats(feed: &mut LiveFeed) -> LiveChange {
    match &*feed.recv().await.expect("an open feed") {
        LiveEvent::Seats(change) => change.clone(),
        LiveEvent::Payment(change) => panic!("{change:?}"),
    }
}

/// 35: a live message is lost: its successor tells by its sequence.
#[tokio::test]
async fn a_lost_message_is_noticed_by_its_sequence() {
    let redis = RedisServer::start().await;
    let scene = Scene::loaded(&open(&redis.url()).await).await;
    let mut feed = scene.locks.watch(scene.screening).await.unwrap();
    let ann = someone();
    scene.take(ann, "A1").await;
    let seq = next_seats(&mut feed).await.seq;
    let key = scene.key(&redis.cli(&["KEYS", "*"]).await);
    redis.cli(&["SPUBLISH", &format!("{key}:v2"), &format!("2 seats {} {} A9 B", seq + 1, seq + 2)]).await;
    assert!(feed.recv().await.is_none(), "it closes, and the room starts over");

    let mut feed = scene.locks.watch(scene.screening).await.unwrap();
    scene.take(ann, "A2").await;
    assert_eq!(next_seats(&mut feed).await.prev, seq);
    redis.cli(&["SPUBLISH", &format!("{key}:v2"), "3 in the words of a later version"]).await;
    assert!(feed.recv().await.is_none(), "what is not understood is not guessed");
}

#[tokio::test]
async fn a_lost_connection_closes_every_feed() {
    let redis = RedisServer::start().await;
    let locks = open(&redis.url()).await;
    let (here, there) = (Scene::loaded(&locks).await, Scene::loaded(&locks).await);
    let mut feeds = [locks.watch(here.screening).await.unwrap(), locks.watch(there.screening).await.unwrap()];
    redis.cli(&["CLIENT", "KILL", "TYPE", "pubsub"]).await;
    for feed in &mut feeds {
        assert!(feed.recv().await.is_none());
    }
    let mut feed = locks.watch(here.screening).await.unwrap();
    here.take(someone(), "A1").await;
    assert!(feed.recv().await.is_some());
}

/// Watching costs Redis one subscription a screening and server, however many look on, and none when nobody does.
#[tokio::test]
async fn one_subscription_serves_all_and_ends_with_the_last() {
    let redis = RedisServer::start().await;
    let scene = Scene::loaded(&open(&redis.url()).await).await;
    let key = scene.key(&redis.cli(&["KEYS", "*"]).await);
    let new_channel = format!("{key}:v2");
    let subscribers = || async {
        let counts = redis.cli(&["PUBSUB", "SHARDNUMSUB", &key, &new_channel]).await;
        counts.lines().skip(1).step_by(2).collect::<Vec<_>>().join(" ")
    };
    let feeds = [scene.locks.watch(scene.screening).await.unwrap(), scene.locks.watch(scene.screening).await.unwrap()];
    assert_eq!(subscribers().await, "1 1", "one on each version's channel");
    let [one, two] = feeds;
    drop(one);
    scene.locks.sweep().await.unwrap();
    assert_eq!(subscribers().await, "1 1");
    drop(two);
    scene.locks.sweep().await.unwrap();
    wait_until("the subscription ends", || async { subscribers().await == "0 0" }).await;
    let mut feed = scene.locks.watch(scene.screening).await.unwrap();
    scene.take(someone(), "A1").await;
    assert!(feed.recv().await.is_some());
}
