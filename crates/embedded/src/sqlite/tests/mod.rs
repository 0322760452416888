//! The contract suites, and what only this store promises.

mod contract;
mod guards;
mod leases;
mod plans;
mod unreadable;
mod writing;
