//! Test support: clocks, randomness, sample data, and the contract suites that every adapter of a port must pass.
//!
//! A suite is a function over a fixture that opens a new, empty adapter; each adapter runs it in a test of one line.

#![expect(clippy::wildcard_enum_match_arm, reason = "a suite fails on every outcome that it does not expect")]

mod build;
pub mod event_log;
pub mod locks;
mod office;
mod store_administrators;
pub mod store_events;
mod store_fixture;
pub mod store_hoarding;
pub mod store_ledger;
pub mod store_people;
pub mod store_programme;
pub mod store_races;
pub mod store_reservations;
pub mod store_retention;
pub mod store_sales;
mod store_showings;
pub mod store_times;

pub use build::{
    ManualClock, SAMPLE_NOW_MS, SeededEntropy, demo_identity_of, event_of, hall_of, identity_of, layout_of, mail_of,
    movie_of, sample_now, screening_of, sign_in_of,
};
pub use office::office_over;
pub use store_fixture::StoreFixture;
