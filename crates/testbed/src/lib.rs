//! Real servers for tests: started on a free port in a folder of their own, ended with the test.
//!
//! Each part is taken from a variable instead when it is set (`SEATKEEPER_TEST_REDIS_URL`, `SEATKEEPER_TEST_MONGODB_URL`,
//! `SEATKEEPER_TEST_KAFKA_URL`), so that the same tests run on any other servers; tests that kill or freeze a server always
//! start one of their own.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on should say where it stopped")]

mod mongo;
mod process;

pub use mongo::{MongoServer, shared_mongo_url};
pub use process::{Process, WAIT_MAX, free_port, wait_until};
