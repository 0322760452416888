//! The parts of the Seatkeeper program that its binary and its tests share.

pub mod cli;
pub mod config;
pub mod mail;
