//! Adapters for several servers as one. Each folder is one technology; nothing outside of it knows its driver.

pub mod kafka;
pub mod mongo;
pub mod redis;
mod steady;
