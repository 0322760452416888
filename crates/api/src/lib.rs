//! HTTP and WebSocket: extract, call a use case, answer.
//!
//! [`router()`] is the table of contents; each file of `routes` tells a whole endpoint: its shapes, its document, its
//! handler. Rules of seats and money are not here but in `seatkeeper_core::box_office`.

mod asset;
pub mod auth;
mod client_address;
pub mod config;
mod date;
pub mod error;
pub mod extract;
mod front_door;
#[cfg(test)]
mod front_door_tests;
mod list_permits;
pub mod live;
mod negotiation;
mod openapi;
mod origin;
mod page;
mod permits;
mod poster_cache;
mod rate_limit;
pub mod request_id;
mod router;
mod routes;
pub mod screening_name;
pub mod state;
mod system_errors;
mod unsent;
pub mod wire;

pub use client_address::counting_key;
pub use config::{ApiConfig, Secret, SignInConfig, SiteUrl};
pub use openapi::document as openapi_document;
pub use router::router;
pub use state::{App, AppParts, AppState};
