//! The contract suite of lock stores, run on a single Redis and on a cluster. There are two servers: one makes changes,
//! and the other receives the live changes.

use std::{sync::Arc, time::Duration};

use seatkeeper_cluster::redis::RedisLocks;
use seatkeeper_core::{
    locks::Millis,
    ports::{LiveChanges, LockStore},
};
use seatkeeper_testing::locks::LocksFixture;

use crate::server::{RedisClock, open, shared_cluster, shared_redis};

/// Lifetime of locks. Short, because the tests wait until locks expire, and long enough for the calls of a test on a
/// slow machine.
const TTL_MS: Millis = 1_500;

struct Fixture {
    one: Arc<RedisLocks>,
    other: Arc<RedisLocks>,
    clock: RedisClock,
}

impl Fixture {
    async fn on(url: String) -> Self {
        Self { one: open(&url).await, other: open(&url).await, clock: RedisClock::of(&url) }
    }
}

#[async_trait::async_trait]
impl LocksFixture for Fixture {
    fn locks(&self) -> Arc<dyn LockStore> {
        Arc::clone(&self.one) as Arc<dyn LockStore>
    }

    fn live(&self) -> Arc<dyn LiveChanges> {
        Arc::clone(&self.other) as Arc<dyn LiveChanges>
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

mod one {
    seatkeeper_testing::seat_locks_contract!(super::Fixture::on(super::shared_redis().await).await);
}

mod cluster {
    seatkeeper_testing::seat_locks_contract!(super::Fixture::on(super::shared_cluster().await).await);
}
