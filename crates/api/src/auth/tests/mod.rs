//! Sign-in from end to end, over the real store and the real router.

mod callback;
mod demo;
mod provider;
mod sessions;
mod sockets;
pub(crate) mod support;
mod tokens;
