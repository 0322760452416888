//! The HTTP and WebSocket API: a handler extracts the request, calls a use case of the core crate, and maps the result
//! to an answer.
//!
//! [`router()`] lists all routes; each file of `routes` contains a whole endpoint: its types, its OpenAPI description, its
//! handler. The rules of seats and money are in `seatkeeper_core::box_office`.

mod asset;
pub mod auth;
mod client_address;
mod client_shares;
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
mod request_body;
pub mod request_id;
mod router;
mod routes;
pub mod screening_name;
pub mod state;
mod system_errors;
mod unsent;
pub mod wire;

pub use client_address::ClientKeys;
pub use client_shares::{ClientShares, ShareLimits};
pub use config::{ApiConfig, Secret, SignInConfig, SiteUrl};
pub use router::{openapi_document, router};
pub use state::{App, AppParts, AppState};
