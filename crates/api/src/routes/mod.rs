//! The calls, a file for each resource.
