//! Seat locks and live changes on real servers of Redis, which these tests start themselves.

mod contract;
mod server;
