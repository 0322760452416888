//! A mock payment provider that behaves like a real one: its own records survive a crash of the server, its answers may
//! be lost, and its callbacks may be late, duplicated or missing.

mod callback;
mod faults;
mod provider;
mod signature;
#[cfg(test)]
mod tests;

pub use callback::{CALLBACKS_WAITING_MAX, CallbackMessage, CallbackSink};
pub use faults::{CallbackPlan, FaultSwitch, MockFaults};
pub use provider::MockProvider;
pub use signature::{SIGNATURE_AGE_MAX, SIGNATURE_HEADER, sign};
