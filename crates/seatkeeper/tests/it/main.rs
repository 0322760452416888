//! Tests of the whole program, which is started as a process and used over HTTP, as people and other programs use it.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that cannot go on should say where it stopped"
)]

mod backups;
mod contract_admin;
mod contract_administrators;
mod contract_bookings;
mod contract_callbacks;
mod contract_catalogue;
mod contract_confirm;
mod contract_conventions;
mod contract_coverage;
mod contract_events;
mod contract_free;
mod contract_hoarding;
mod contract_hold_frames;
mod contract_live;
mod contract_locks;
mod contract_odd_input;
mod contract_operations;
mod contract_payments;
mod contract_posters;
mod contract_programme;
mod contract_revisions;
mod contract_showings;
mod contract_sign_in;
mod crashes;
mod data_folders;
mod demo_filling;
mod health_checks;
mod log_faults;
mod mail_addresses;
mod mail_faults;
mod mail_titles;
mod old_version;
#[cfg(feature = "cluster")]
mod real_parts_costs;
#[cfg(feature = "cluster")]
mod real_parts_faults;
#[cfg(feature = "cluster")]
mod real_parts_network;
#[cfg(feature = "cluster")]
mod real_parts_together;
#[cfg(feature = "cluster")]
mod real_parts_versions;
mod security;
mod storms;
mod support;
mod unread_answers;
