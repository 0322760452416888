//! Tests of the lock rules: on seat maps drawn as text, and over random histories.

mod clock_steps;
mod hoarding;
mod loading;
mod paying;
mod properties;
mod scene;
mod seats;
mod withdrawing;

use scene::{check, seats_of};
