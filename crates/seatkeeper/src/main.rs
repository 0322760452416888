//! Seatkeeper: real-time cinema booking that never sells a seat twice.
fn main() {}
