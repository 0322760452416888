//! Real servers (Redis, MongoDB, Kafka, a mail server) for tests. Each is started on a free port with its own folder,
//! and ends with the test.
//!
//! When one of the variables `SEATKEEPER_TEST_REDIS_URL`, `SEATKEEPER_TEST_MONGODB_URL` and `SEATKEEPER_TEST_KAFKA_URL`
//! is set, tests use the running server that it names instead of starting a shared one. Tests that kill or freeze a
//! server always start a private one.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on should say where it stopped")]

mod kafka;
mod mail_server;
mod mongo;
mod process;
mod proxy;
mod redis;

pub use kafka::{KafkaServer, Proxied, Special};
pub use mail_server::{ClosedMailServer, MailServer, Manner};
pub use mongo::{MongoServer, shared_mongo_url};
pub use process::{Process, WAIT_MAX, free_port, wait_until};
pub use proxy::{Direction, Proxy, Weather};
pub use redis::{RedisCluster, RedisServer};
