//! Adapters for a single server that needs no other services: the store in one SQLite file, seat locks in memory, a
//! mock payment provider.

pub mod locks;
pub mod mock_provider;
pub mod sqlite;
