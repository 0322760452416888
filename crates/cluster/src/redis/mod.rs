//! Seat locks and live changes in Redis.
