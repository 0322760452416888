//! What can only be seen from inside: the plans of the queries that are really sent, and the last guards of the ledger.

mod guards;
mod plans;
