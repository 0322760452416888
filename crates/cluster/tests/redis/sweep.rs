//! Removes many locks that expire at the same time.

use std::{collections::HashMap, time::Duration};

use futures_util::{StreamExt as _, stream};
use seatkeeper_core::{
    ids::{ScreeningId, SeatId},
    locks::{LockReply, Millis, ReleaseReason},
    ports::{Releases as _, SeatMaps as _},
};
use seatkeeper_testbed::RedisServer;

use crate::{
    scene::{Scene, someone},
    server::{RedisClock, open},
};

const SCREENINGS: usize = 200;
const PEOPLE_EACH: usize = 5;
const SEATS_EACH: usize = 10;
const TTL_MS: Millis = 4_000;
/// Number of concurrent calls that lock the seats.
const AT_ONCE: usize = 64;

/// Ten thousand locks of two hundred screenings expire, and two servers sweep them concurrently.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_of_ten_thousand_expired_locks_is_released_once_when_two_servers_sweep() {
    let redis = RedisServer::start().await;
    let (one, other, clock) = (open(&redis.url()).await, open(&redis.url()).await, RedisClock::of(&redis.url()));
    let mut scenes = Vec::new();
    for _ in 0..SCREENINGS {
        scenes.push(Scene::loaded(&one).await);
    }
    let places = scenes.iter().flat_map(|scene| (0..PEOPLE_EACH).map(move |row| (scene, row)));
    let take = |(scene, row): (&Scene, usize)| {
        let (scene, row) = (scene.clone(), ["A", "B", "C", "D", "E"][row]);
        let names: Vec<String> = (1..=SEATS_EACH).map(|number| format!("{row}{number}")).collect();
        async move { scene.lock_for(someone(), &names.join(" "), TTL_MS).await }
    };
    let replies: Vec<_> = stream::iter(places.map(take).collect::<Vec<_>>()).buffer_unordered(AT_ONCE).collect().await;
    assert!(replies.iter().all(|reply| matches!(reply, Ok(LockReply::Held(_)))));
    clock.pass(Duration::from_millis(4_000)).await;
    let (first, second) = tokio::join!(one.sweep(), other.sweep());
    assert!(first.is_ok() && second.is_ok());

    let mut released: HashMap<(ScreeningId, SeatId), u32> = HashMap::new();
    for release in one.list_releases(None, 1_000_000).await.unwrap() {
        assert_eq!(release.reason, ReleaseReason::Expired);
        for seat in release.seats {
            *released.entry((release.screening, seat)).or_default() += 1;
        }
    }
    assert_eq!(released.len(), SCREENINGS * PEOPLE_EACH * SEATS_EACH);
    assert!(released.values().all(|times| *times == 1));
    let ids: Vec<ScreeningId> = scenes.iter().map(|scene| scene.screening).collect();
    let states = one.list_states(&ids).await.unwrap();
    assert!(states.iter().all(|state| matches!(state, Some((_, 0)))), "{states:?}");
}
