//! The use cases with the real embedded adapters: named scenarios, a simulated crash before every call of a port, and
//! random histories of many people at once.

#![expect(clippy::expect_used, clippy::panic, reason = "helpers of tests fail as tests do")]

mod books;
mod buying;
mod clock_steps;
mod comparing;
mod crash;
mod free;
mod late_money;
mod office;
mod orphans;
mod overtaken;
mod payment_frames;
mod programme;
mod provider;
mod reconciler;
mod retention;
mod sim;
mod steps;
mod visit;
mod weather;
