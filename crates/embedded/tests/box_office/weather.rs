//! Faults injected into the store and the lock store: outages and lost answers.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use seatkeeper_testing::SeededEntropy;

tokio::task_local! {
    static UNDER_A_ROOF: ();
}

/// The injected faults; none by default.
pub(crate) struct Weather {
    locks_away: AtomicBool,
    store_away: AtomicBool,
    /// Share of calls, in per mille, that take effect and whose answer is lost.
    lost_per_mille: AtomicU64,
    dice: SeededEntropy,
}

impl Weather {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            locks_away: AtomicBool::new(false),
            store_away: AtomicBool::new(false),
            lost_per_mille: AtomicU64::new(0),
            dice: SeededEntropy::new(seed),
        }
    }

    pub(crate) fn set(&self, locks_away: bool, store_away: bool, lost_per_mille: u64) {
        self.locks_away.store(locks_away, Ordering::SeqCst);
        self.store_away.store(store_away, Ordering::SeqCst);
        self.lost_per_mille.store(lost_per_mille, Ordering::SeqCst);
    }

    /// Runs `work` while no faults are injected.
    pub(crate) async fn fair<T>(&self, work: impl Future<Output = T>) -> T {
        UNDER_A_ROOF.scope((), work).await
    }

    fn is_under_a_roof() -> bool {
        UNDER_A_ROOF.try_with(|()| ()).is_ok()
    }

    pub(crate) fn locks_away(&self) -> bool {
        self.locks_away.load(Ordering::SeqCst) && !Self::is_under_a_roof()
    }

    pub(crate) fn store_away(&self) -> bool {
        self.store_away.load(Ordering::SeqCst) && !Self::is_under_a_roof()
    }

    pub(crate) fn loses_answer(&self) -> bool {
        let lost = self.lost_per_mille.load(Ordering::SeqCst);
        lost > 0 && !Self::is_under_a_roof() && self.dice.next_u64() % 1_000 < lost
    }
}
