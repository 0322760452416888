//! The contract suites, and what only this store promises.

mod contract;
mod guards;
mod leases;
mod old_rows;
mod plans;
mod unreadable;
mod writing;
