//! Tests of seat locks and live changes on real Redis servers, which the tests start.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should say where it stopped"
)]

mod away;
mod clock_steps;
mod contract;
mod cost;
mod differential;
mod live;
mod lost;
mod scene;
mod server;
mod start;
mod sweep;
