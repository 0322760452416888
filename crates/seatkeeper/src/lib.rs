//! The modules that the binary and the integration tests share.

pub mod cli;
pub mod config;
pub mod copies;
pub mod data_folder;
pub mod demo;
pub mod health;
pub mod listener;
pub mod mail;
pub mod mock_callbacks;
pub mod patience;
pub mod serve;
pub mod system;
pub mod telemetry;
mod unread_body;
pub mod wiring;
pub mod workers;
