//! The store in MongoDB: the suites that every store passes, what a real server does to it, and what only it promises.

mod contract;
mod stores;
