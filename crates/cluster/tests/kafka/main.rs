//! The event log on a real Kafka: the contract suite and fault tests.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on should say where it stopped")]

mod away;
mod contract;
mod groups;
mod poison;
mod repeats;
mod scene;
