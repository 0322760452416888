//! Tests that need private access: the plans of the store's queries, and the protection by unique keys.

mod administrators;
mod guards;
mod plans;
