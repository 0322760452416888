//! What the provider does wrong, changeable while it runs.

use std::time::Duration;

use parking_lot::RwLock;

/// What becomes of the provider's own messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CallbackPlan {
    /// Each comes once, at once.
    #[default]
    OnTime,
    /// None comes.
    Never,
    /// Each comes once, that much later.
    Late(Duration),
    /// Each comes twice.
    Twice,
}

/// What the provider does wrong; nothing by default.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MockFaults {
    /// Answers come that much later; the work is done at once.
    pub answer_delay: Duration,
    /// Share of calls, 0 to 1, whose work is done and whose answer is lost: a time-out.
    pub lose_answer: f64,
    /// So many of the next authorisations fail before anything is done.
    pub refuse_authorise_first_n: u32,
    /// So many of the next captures fail before anything is done.
    pub refuse_capture_first_n: u32,
    /// So many of the next voids and refunds fail before anything is done.
    pub refuse_give_back_first_n: u32,
    /// What becomes of its messages.
    pub callbacks: CallbackPlan,
}

/// The faults of a running provider, for whoever wants to change them.
#[derive(Debug, Default)]
pub struct FaultSwitch(RwLock<MockFaults>);

impl FaultSwitch {
    /// Begins with these.
    #[must_use]
    pub const fn new(faults: MockFaults) -> Self {
        Self(RwLock::new(faults))
    }

    /// From now on these.
    pub fn set(&self, faults: MockFaults) {
        *self.0.write() = faults;
    }

    /// Those that are left.
    #[must_use]
    pub fn get(&self) -> MockFaults {
        *self.0.read()
    }

    /// Takes one of a counted fault; false when none is left.
    pub(super) fn take_one(&self, counter: impl Fn(&mut MockFaults) -> &mut u32) -> bool {
        let mut faults = self.0.write();
        let left = counter(&mut faults);
        let has_one = *left > 0;
        *left = left.saturating_sub(1);
        has_one
    }
}
