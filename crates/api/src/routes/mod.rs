//! The endpoints of the HTTP API. There is one file per resource, with its types, OpenAPI descriptions and handlers.

pub(crate) mod admin_audit;
pub(crate) mod admin_bookings;
pub(crate) mod admin_dead_letters;
pub(crate) mod admin_events;
pub(crate) mod admin_halls;
pub(crate) mod admin_mail;
pub(crate) mod admin_movies;
pub(crate) mod admin_reports;
pub(crate) mod admin_screenings;
pub(crate) mod bookings;
mod changes;
mod csv;
mod days;
pub(crate) mod docs;
pub(crate) mod health;
mod idempotent;
pub(crate) mod locks;
pub(crate) mod movies;
pub(crate) mod payment_callbacks;
pub(crate) mod payments;
pub(crate) mod posters;
mod promptpay;
pub(crate) mod screenings;
pub(crate) mod site;
#[cfg(test)]
mod times_tests;
