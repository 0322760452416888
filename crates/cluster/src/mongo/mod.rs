//! The store in MongoDB.
