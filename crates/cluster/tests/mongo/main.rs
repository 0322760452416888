//! The store in MongoDB: the contract suites of stores, tests with faults of MongoDB, and tests of what only this store
//! guarantees.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should say where it stopped"
)]

mod away;
mod cinema;
mod commits;
mod contract;
mod meetings;
mod old_documents;
mod order;
mod schema;
mod stores;
mod unreadable;
