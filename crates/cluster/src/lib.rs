//! Adapters of the cluster mode, in which several servers share Redis, MongoDB and Kafka. Only the module of a
//! technology uses its driver.

pub mod kafka;
pub mod mongo;
pub mod redis;
mod steady;
