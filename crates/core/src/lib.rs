//! The rules and use cases of Seatkeeper, which never sells a seat twice.
//!
//! This crate does no I/O and reads no clock: time and randomness are arguments, and everything else is behind
//! [`ports`]. The [`box_office`] contains the use cases; [`locks`], [`payment`] and [`booking`] contain the rules of
//! seats and money.

#![warn(clippy::wildcard_enum_match_arm)]

pub mod booking;
pub mod box_office;
pub mod catalogue;
pub mod email;
pub mod environment;
pub mod event;
pub mod hall_slots;
pub mod ids;
pub mod invalid;
pub mod locks;
pub mod money;
pub mod payment;
pub mod person;
pub mod ports;
pub mod seating;
pub mod text;
pub mod time_text;
