//! What can only be seen from inside: the plans of the queries that are really sent.

mod plans;
