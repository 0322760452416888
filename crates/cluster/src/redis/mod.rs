//! Seat locks and live changes in Redis, one or a Redis Cluster; Redis 7.0 and later, and Valkey.
//!
//! The rules of [`seatkeeper_core::locks`] run inside Redis, as a library of functions in Lua (`function/*.lua`): each call
//! is one function and one round trip, by Redis's own clock, and publishes what it changed. A screening that the functions
//! do not know, because Redis is new, came back from an older time or was promoted, is answered *not loaded*, and the server
//! loads it from the store. Viewers are fed by sharded publish/subscribe: a server subscribes to what it shows.
//!
//! An account of Redis with limited rights needs `@scripting`, `@read`, `@write`, `spublish`, `ssubscribe`, `sunsubscribe`,
//! `info` and `time` on keys and channels that begin with `seatkeeper1:`.

mod calls;
mod clocks;
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

pub use calls::CALL_WITHIN;
pub use live::{LIVE_BACKLOG_CHANGES_MAX, WATCHERS_MAX};
pub use open::RedisLocks;
pub use url::{BadRedisUrl, RedisUrl};

/// The part's name in errors and health answers.
pub(crate) const PART: &str = "locks";
