//! Adapters that need no other servers: the store in one SQLite file, seat locks in memory, a mock payment provider.

pub mod locks;
pub mod mock_provider;
pub mod sqlite;
