//! A payment provider that behaves like a real one: books of its own that outlive every server, answers that get lost,
//! messages of its own that come late, twice or never.

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
