//! Injected faults of the provider, which can be changed while it runs.

use std::time::Duration;

use parking_lot::RwLock;

/// How callbacks are sent.
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

/// The injected faults of the provider; none by default.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MockFaults {
    /// Delay of answers; the record is changed without a delay.
    pub answer_delay: Duration,
    /// Share of calls, 0 to 1, that change the record and whose answer is lost, like a timeout.
    pub lose_answer: f64,
    /// Number of the next authorisations that fail without an effect.
    pub refuse_authorise_first_n: u32,
    /// Number of the next captures that fail without an effect.
    pub refuse_capture_first_n: u32,
    /// Number of the next voids and refunds that fail without an effect.
    pub refuse_give_back_first_n: u32,
    /// How callbacks are sent.
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

    /// The current faults; counted ones decrease as they happen.
    #[must_use]
    pub fn get(&self) -> MockFaults {
        *self.0.read()
    }

    /// Uses one of a counted fault; false when none is left.
    pub(super) fn take_one(&self, counter: impl Fn(&mut MockFaults) -> &mut u32) -> bool {
        let mut faults = self.0.write();
        let left = counter(&mut faults);
        let has_one = *left > 0;
        *left = left.saturating_sub(1);
        has_one
    }
}
