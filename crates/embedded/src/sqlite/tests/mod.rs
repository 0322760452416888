//! The contract suites, and tests of this store's own guarantees.

mod contract;
mod guards;
mod leases;
mod old_rows;
mod plans;
mod unreadable;
mod writing;
