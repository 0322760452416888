//! Opens the lock store, after it has checked that the settings of Redis are suitable.

use std::{
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use redis::Value;
use seatkeeper_core::{
    locks::LongestTimes,
    ports::{Backend, BackendError, Releases as _},
};

use super::{PART, clocks::Clocks, failure::Failure, link::Link, live::Feeds, reply::bad_reply, url::RedisUrl};

/// Time limit for connecting to Redis, checking it and loading the functions at startup.
const OPEN_WITHIN: Duration = Duration::from_secs(5);

/// The required `maxmemory-policy`, with which writes fail when memory is full. With any other policy Redis could evict
/// seat locks.
const MEMORY_POLICY: &str = "noeviction";

/// The lock store and the live changes in Redis.
pub struct RedisLocks {
    pub(super) link: Link,
    pub(super) clocks: Clocks,
    pub(super) longest: LongestTimes,
    pub(super) feeds: Arc<Feeds>,
    /// Whether the stream of releases of some tag was full at the last check. Redis drops the oldest releases of a full
    /// stream.
    pub(super) drops_releases: AtomicBool,
}

impl RedisLocks {
    /// Connects, loads the functions, and estimates the clock of each node. Connections that are lost later are
    /// reopened automatically. After Redis's clock was set back, locks last no longer than `longest`.
    ///
    /// # Errors
    /// Redis is unreachable, refuses the account, is older than 7.0, evicts keys when its memory is full, or is a node
    /// of a cluster although the URL names a single Redis.
    pub async fn open(url: RedisUrl, longest: LongestTimes) -> Backend<Self> {
        let feeds = Arc::new(Feeds::default());
        let link = Link::new(url, &feeds).map_err(|error| BackendError::lasting(PART, error))?;
        let locks = Self { link, clocks: Clocks::new(), longest, feeds, drops_releases: AtomicBool::new(false) };
        match tokio::time::timeout(OPEN_WITHIN, locks.prepare()).await {
            Ok(prepared) => prepared.map(|()| locks),
            Err(_) => Err(BackendError::retryable(PART, "Redis did not answer in time")),
        }
    }

    async fn prepare(&self) -> Backend<()> {
        self.check_settings().await?;
        self.load_library().await.map_err(Failure::from)?;
        self.sweep().await
    }

    async fn check_settings(&self) -> Backend<()> {
        let info = self.link.ask_masters(redis::cmd("INFO")).await.map_err(Failure::from)?;
        for answer in info {
            let text = match answer {
                Value::BulkString(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
                Value::VerbatimString { text, .. } => text,
                other => return Err(bad_reply(other)),
            };
            let setting = |name: &str| {
                let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
                line.unwrap_or("unknown").trim()
            };
            let policy = setting("maxmemory_policy");
            if policy != MEMORY_POLICY {
                let why =
                    format!("Redis could evict the locks of seats: maxmemory-policy is {policy}, not {MEMORY_POLICY}");
                return Err(BackendError::lasting(PART, why));
            }
            if matches!(self.link, Link::One(_)) && setting("cluster_enabled") == "1" {
                let why = "this Redis is a node of a cluster: its address begins with redis+cluster://";
                return Err(BackendError::lasting(PART, why));
            }
        }
        Ok(())
    }
}
