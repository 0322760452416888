//! Runs the contract suite for lock stores on the lock store in memory, with and without a log.

use std::{sync::Arc, time::Duration};

use jiff::SignedDuration;
use seatkeeper_core::{
    locks::{LongestTimes, Millis},
    ports::{Clock, LiveChanges, LockStore},
};
use seatkeeper_testing::{
    ManualClock,
    locks::{ClockFixture, LocksFixture, locks_last_their_own_time_at_most_after_the_clock_is_set_back},
};

use super::{super::MemoryLocks, LONGEST, open};

struct Fixture {
    clock: Arc<ManualClock>,
    locks: Arc<MemoryLocks>,
    longest: LongestTimes,
    _dir: Option<tempfile::TempDir>,
}

impl Fixture {
    fn unlogged() -> Self {
        let clock = Arc::new(ManualClock::default());
        let locks = Arc::new(MemoryLocks::unlogged(Arc::clone(&clock) as Arc<dyn Clock>));
        Self { clock, locks, longest: LongestTimes::default(), _dir: None }
    }

    fn logged() -> Self {
        let clock = Arc::new(ManualClock::default());
        let dir = tempfile::tempdir().unwrap();
        let locks = Arc::new(open(&dir.path().join("locks.log"), &clock));
        Self { clock, locks, longest: LONGEST, _dir: Some(dir) }
    }
}

#[async_trait::async_trait]
impl LocksFixture for Fixture {
    fn locks(&self) -> Arc<dyn LockStore> {
        Arc::clone(&self.locks) as Arc<dyn LockStore>
    }

    fn live(&self) -> Arc<dyn LiveChanges> {
        Arc::clone(&self.locks) as Arc<dyn LiveChanges>
    }

    fn now_ms(&self) -> Millis {
        self.clock.now_ms()
    }

    async fn advance(&self, by: Duration) {
        self.clock.advance(SignedDuration::try_from(by).unwrap());
    }
}

#[async_trait::async_trait]
impl ClockFixture for Fixture {
    async fn step_back(&self, by: Duration) {
        self.clock.advance(-SignedDuration::try_from(by).unwrap());
    }

    fn longest(&self) -> LongestTimes {
        self.longest
    }
}

#[tokio::test]
async fn clock_that_is_set_back_does_not_lengthen_locks_in_memory() {
    locks_last_their_own_time_at_most_after_the_clock_is_set_back(&Fixture::unlogged()).await;
    locks_last_their_own_time_at_most_after_the_clock_is_set_back(&Fixture::logged()).await;
}

mod unlogged {
    seatkeeper_testing::seat_locks_contract!(super::Fixture::unlogged());
}

mod logged {
    seatkeeper_testing::seat_locks_contract!(super::Fixture::logged());
}
