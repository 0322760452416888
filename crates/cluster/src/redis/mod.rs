//! The lock store and the live changes in Redis (7.0 or later, or Valkey): a single Redis or a Redis Cluster.
//!
//! The rules of [`seatkeeper_core::locks`] run inside Redis, as a library of Lua functions (`function/*.lua`). Each
//! call is one function and one round trip; the function uses Redis's own clock and publishes its changes. After a
//! restart, a restored backup or a failover the functions answer *not loaded* for a screening, and the server that made
//! the call loads the seat map from the store. Live changes use sharded publish/subscribe: a server subscribes to the
//! screenings for which it has live rooms.
//!
//! A Redis account with limited rights needs `@scripting`, `@read`, `@write`, `spublish`, `ssubscribe`, `sunsubscribe`,
//! `info` and `time` on keys and channels that begin with `seatkeeper1:`.

mod calls;
mod clocks;
mod failure;
mod function;
mod keys;
mod link;
mod live;
mod locks;
mod message;
mod open;
mod releases;
mod reply;
mod url;

pub use failure::CALL_WITHIN;
pub use live::{LIVE_BACKLOG_CHANGES_MAX, WATCHERS_MAX};
pub use open::RedisLocks;
pub use url::{BadRedisUrl, RedisUrl};

/// This adapter's name in errors and health checks.
pub(crate) const PART: &str = "locks";
