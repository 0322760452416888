//! Seatkeeper.
