//! Live changes when messages or connections are lost.

use seatkeeper_core::{
    locks::{LiveChange, LiveEvent},
    ports::{LiveChanges as _, LiveFeed, Releases as _},
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

/// A live message is lost, so the next message has another `prev` than the feed expects.
#[tokio::test]
async fn feed_closes_when_a_message_is_lost_or_has_an_unknown_version() {
    let redis = RedisServer::start().await;
    let scene = Scene::loaded(&open(&redis.url()).await).await;
    let mut feed = scene.locks.watch(scene.screening).await.unwrap();
    let ann = someone();
    scene.take(ann, "A1").await;
    let seq = next_seats(&mut feed).await.seq;
    let key = scene.key(&redis.cli(&["KEYS", "*"]).await);
    redis.cli(&["SPUBLISH", &format!("{key}:v2"), &format!("2 seats {} {} A9 B", seq + 1, seq + 2)]).await;
    assert!(feed.recv().await.is_none(), "the feed closes, and the room starts over");

    let mut feed = scene.locks.watch(scene.screening).await.unwrap();
    scene.take(ann, "A2").await;
    assert_eq!(next_seats(&mut feed).await.prev, seq);
    redis.cli(&["SPUBLISH", &format!("{key}:v2"), "3 in the words of a later version"]).await;
    assert!(feed.recv().await.is_none(), "the feed closes at an unknown version");
}

#[tokio::test]
async fn lost_connection_closes_every_feed() {
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

/// A server subscribes once to each Redis channel of a screening, however many feeds of the screening are open.
#[tokio::test]
async fn feeds_of_a_screening_share_one_subscription_which_ends_with_the_last_feed() {
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
