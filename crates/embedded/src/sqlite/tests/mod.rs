//! The contract suites on SQLite, and tests of guarantees that only this store gives.

mod contract;
mod copies;
mod guards;
mod leases;
mod locking;
mod lost_files;
mod old_rows;
mod plans;
mod readers;
mod unreadable;
mod watching;
mod writing;
