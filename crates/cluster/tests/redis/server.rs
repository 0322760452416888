//! Redis servers for tests.

use std::{sync::Arc, time::Duration};

use seatkeeper_cluster::redis::{RedisLocks, RedisUrl};
use seatkeeper_core::locks::{LongestTimes, Millis};
use seatkeeper_testbed::{RedisCluster, RedisServer};
use tokio::sync::OnceCell;

/// The environment variable with the URL of a running Redis or cluster, which tests use instead of starting a shared
/// one.
const URL_VARIABLE: &str = "SEATKEEPER_TEST_REDIS_URL";

/// A Redis shared by all tests that do not break it. It is stopped at the end of the test process.
pub(crate) async fn shared_redis() -> String {
    static SHARED: OnceCell<RedisServer> = OnceCell::const_new();
    match std::env::var(URL_VARIABLE) {
        Ok(url) => url,
        Err(_) => SHARED.get_or_init(RedisServer::start).await.url(),
    }
}

/// A cluster of three nodes shared by all tests that do not break it.
pub(crate) async fn shared_cluster() -> String {
    static SHARED: OnceCell<RedisCluster> = OnceCell::const_new();
    SHARED.get_or_init(|| RedisCluster::start_with(&[])).await.url()
}

/// Opens a lock store, as one server does.
pub(crate) async fn open(url: &str) -> Arc<RedisLocks> {
    let url = RedisUrl::parse(url).expect("an address");
    Arc::new(RedisLocks::open(url, LongestTimes::default()).await.expect("Redis is usable"))
}

/// Redis's clock, read over a separate connection.
pub(crate) struct RedisClock(parking_lot::Mutex<redis::Connection>);

impl RedisClock {
    pub(crate) fn of(url: &str) -> Self {
        let first = match RedisUrl::parse(url).expect("an address") {
            RedisUrl::One(info) => *info,
            RedisUrl::Cluster(nodes) => nodes[0].clone(),
        };
        let client = redis::Client::open(first).expect("an address");
        Self(parking_lot::Mutex::new(client.get_connection().expect("Redis is reachable")))
    }

    pub(crate) fn now_ms(&self) -> Millis {
        let (seconds, micros): (i64, i64) = redis::cmd("TIME").query(&mut *self.0.lock()).expect("the time");
        seconds * 1_000 + micros / 1_000
    }

    /// Waits until Redis's clock has advanced by this duration.
    pub(crate) async fn pass(&self, by: Duration) {
        let then = self.now_ms() + Millis::try_from(by.as_millis()).expect("a short time");
        while self.now_ms() < then {
            // Polls, because Redis's clock cannot be awaited.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}
