//! Seat locks and live changes on real servers of Redis, which these tests start themselves.

mod away;
mod contract;
mod cost;
mod differential;
mod live;
mod lost;
mod scene;
mod server;
mod start;
mod sweep;
