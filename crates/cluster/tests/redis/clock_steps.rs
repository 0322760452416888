//! A Redis whose clock is set back.

use std::{sync::Arc, time::Duration};

use seatkeeper_cluster::redis::{RedisLocks, RedisUrl};
use seatkeeper_core::{
    locks::{LongestTimes, Millis},
    ports::{LiveChanges, LockStore, Releases as _, SeatLocks as _},
};
use seatkeeper_testbed::RedisServer;
use seatkeeper_testing::locks::{
    ClockFixture, LocksFixture, locks_last_their_own_time_at_most_after_the_clock_is_set_back,
};

use crate::{
    scene::{Scene, someone},
    server::RedisClock,
};

/// Lifetime of locks, as short as in the contract suite.
const TTL_MS: Millis = 1_500;
const LONGEST: LongestTimes = LongestTimes { lock_ms: TTL_MS, payment_ms: 2 * TTL_MS };

struct Fixture {
    redis: RedisServer,
    locks: Arc<RedisLocks>,
    clock: RedisClock,
}

async fn open(redis: &RedisServer, longest: LongestTimes) -> Arc<RedisLocks> {
    let url = RedisUrl::parse(&redis.url()).unwrap();
    Arc::new(RedisLocks::open(url, longest).await.expect("Redis is usable"))
}

#[async_trait::async_trait]
impl LocksFixture for Fixture {
    fn locks(&self) -> Arc<dyn LockStore> {
        Arc::clone(&self.locks) as Arc<dyn LockStore>
    }

    fn live(&self) -> Arc<dyn LiveChanges> {
        Arc::clone(&self.locks) as Arc<dyn LiveChanges>
    }

    fn now_ms(&self) -> Millis {
        self.clock.now_ms()
    }

    fn ttl_ms(&self) -> Millis {
        TTL_MS
    }

    async fn advance(&self, by: Duration) {
        self.clock.pass(by).await;
    }
}

#[async_trait::async_trait]
impl ClockFixture for Fixture {
    async fn step_back(&self, by: Duration) {
        self.redis.set_clock_back(by).await;
    }

    fn longest(&self) -> LongestTimes {
        LONGEST
    }
}

#[tokio::test]
async fn clock_of_redis_that_is_set_back_does_not_lengthen_locks() {
    let redis = RedisServer::start_with_false_clock().await;
    let fixture = Fixture { locks: open(&redis, LONGEST).await, clock: RedisClock::of(&redis.url()), redis };
    locks_last_their_own_time_at_most_after_the_clock_is_set_back(&fixture).await;
}

#[tokio::test]
async fn locks_from_before_the_start_of_a_server_are_shortened_when_the_clock_was_set_back_since() {
    let redis = RedisServer::start_with_false_clock().await;
    let scene = Scene::loaded(&open(&redis, LongestTimes::default()).await).await;
    let ann = someone();
    scene.take(ann, "A1").await;
    redis.set_clock_back(Duration::from_secs(3_600)).await;
    let before = scene.locks.find_hold(scene.screening, ann).await.unwrap().expires_at();

    let late = open(&redis, LongestTimes::default()).await;
    let after = late.find_hold(scene.screening, ann).await.unwrap().expires_at();
    let most = RedisClock::of(&redis.url()).now_ms() + LongestTimes::default().lock_ms;
    assert!(before > Some(most) && after <= Some(most), "{before:?} {after:?} {most}");

    // While the clock is right, a server that allows shorter times leaves the locks of other servers alone.
    let strict = LongestTimes { lock_ms: 1_000, payment_ms: 1_000 };
    let strict = open(&redis, strict).await;
    let bob = someone();
    scene.take(bob, "B1").await;
    strict.sweep().await.unwrap();
    let kept = strict.find_hold(scene.screening, bob).await.unwrap().expires_at();
    assert!(kept > Some(RedisClock::of(&redis.url()).now_ms() + 60_000), "{kept:?}");
}
