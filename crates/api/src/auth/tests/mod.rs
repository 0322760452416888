//! End-to-end tests of sign-in, with a SQLite store and the real router.

mod callback;
mod demo;
mod provider;
mod sessions;
mod sockets;
pub(crate) mod support;
mod tokens;
mod variants;
