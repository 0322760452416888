//! The contract of every lock store, on one Redis and on a cluster. Two servers share it: one changes, the other shows.

use std::{sync::Arc, time::Duration};

use seatkeeper_cluster::redis::RedisLocks;
use seatkeeper_core::{
    locks::Millis,
    ports::{LiveChanges, SeatLocks},
    testing::locks::LocksFixture,
};

use crate::server::{RedisClock, open, shared_cluster, shared_redis};

/// Time passes by itself, so it is short; and long beside what a busy machine needs for a test's calls.
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
    fn locks(&self) -> Arc<dyn SeatLocks> {
        Arc::clone(&self.one) as Arc<dyn SeatLocks>
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
    seatkeeper_core::seat_locks_contract!(super::Fixture::on(super::shared_redis().await).await);
}

mod cluster {
    seatkeeper_core::seat_locks_contract!(super::Fixture::on(super::shared_cluster().await).await);
}
