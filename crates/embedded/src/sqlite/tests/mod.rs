//! The contract suites, and what only this store promises.

mod contract;
mod plans;
mod writing;
