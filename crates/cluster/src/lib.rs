//! Adapters of the cluster mode (several servers on shared stores). Only a technology's own folder uses its driver.

pub mod kafka;
pub mod mongo;
pub mod redis;
mod steady;
