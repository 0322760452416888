//! Tests that need private access: the plans of the queries that are sent, and the ledger's last line of defence.

mod guards;
mod plans;
