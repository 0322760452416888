//! The store in MongoDB: the suites that every store passes, what may happen to its server, and what only it promises.

mod away;
mod cinema;
mod commits;
mod contract;
mod meetings;
mod order;
mod schema;
mod stores;
