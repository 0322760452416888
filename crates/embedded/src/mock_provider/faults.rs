//! Faults injected into the mock provider. They can be changed while it runs.

use std::time::Duration;

use parking_lot::RwLock;

/// When and how often the provider sends each callback.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CallbackPlan {
    /// Once, immediately.
    #[default]
    OnTime,
    /// Not at all.
    Never,
    /// Once, after this delay.
    Late(Duration),
    /// Twice.
    Twice,
}

/// The injected faults of the mock provider; none by default.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MockFaults {
    /// How long the provider delays its answers; its record of the payment changes without a delay.
    pub answer_delay: Duration,
    /// Share of calls, 0 to 1, that take effect and whose answer is lost, like a timeout.
    pub lose_answer: f64,
    /// The next authorisations, this many, fail without an effect.
    pub refuse_authorise_first_n: u32,
    /// The next captures, this many, fail without an effect.
    pub refuse_capture_first_n: u32,
    /// The next voids and refunds, this many, fail without an effect.
    pub refuse_give_back_first_n: u32,
    /// When and how often callbacks are sent.
    pub callbacks: CallbackPlan,
}

/// The faults of a running provider, changeable at any time.
#[derive(Debug, Default)]
pub struct FaultSwitch(RwLock<MockFaults>);

impl FaultSwitch {
    /// Starts with these faults.
    #[must_use]
    pub const fn new(faults: MockFaults) -> Self {
        Self(RwLock::new(faults))
    }

    /// Replaces the faults.
    pub fn set(&self, faults: MockFaults) {
        *self.0.write() = faults;
    }

    /// The current faults. Counted faults decrease with each failed call.
    #[must_use]
    pub fn get(&self) -> MockFaults {
        *self.0.read()
    }

    /// Decrements a counted fault; false when none is left.
    pub(super) fn take_one(&self, counter: impl Fn(&mut MockFaults) -> &mut u32) -> bool {
        let mut faults = self.0.write();
        let left = counter(&mut faults);
        let has_one = *left > 0;
        *left = left.saturating_sub(1);
        has_one
    }
}
