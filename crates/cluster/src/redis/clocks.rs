//! Estimates Redis's clock from its replies and the local monotonic clock; the local wall clock is never used.
//!
//! Each reply contains the time at which Redis made it, which lies between sending and receiving. The nodes of a cluster
//! have separate clocks, so there is one estimate per tag.

use std::{
    sync::atomic::{AtomicI64, AtomicU32, Ordering},
    time::{Duration, Instant},
};

use seatkeeper_core::locks::Millis;

use super::keys::{TAGS, Tag};
use crate::steady::Steady;

/// A clock that falls behind its estimate by more than this, in milliseconds, was set back. A shorter step lengthens a lock
/// by no more.
const SET_BACK_MS_MIN: i64 = 1_000;

/// Marks a tag of which no reply has arrived yet.
const UNKNOWN: i64 = i64::MIN;

/// For each tag, the offset of the clock of its Redis node from the monotonic clock of this process.
pub(super) struct Clocks {
    steady: Steady,
    /// In milliseconds; [`UNKNOWN`] before the first reply.
    ahead: [AtomicI64; TAGS as usize],
    /// For each tag, how often its node's clock was set back. 1 at the start, because nobody knows what the clock did before.
    steps_back: [AtomicU32; TAGS as usize],
    /// For each tag, the value of `steps_back` at which its locks were last shortened.
    handled_steps: [AtomicU32; TAGS as usize],
}

impl Clocks {
    pub(super) fn new() -> Self {
        Self {
            steady: Steady::new(),
            ahead: [const { AtomicI64::new(UNKNOWN) }; TAGS as usize],
            steps_back: [const { AtomicU32::new(1) }; TAGS as usize],
            handled_steps: [const { AtomicU32::new(0) }; TAGS as usize],
        }
    }

    /// The number of the last step back of a tag's clock after which its locks were not shortened yet.
    pub(super) fn step_back(&self, tag: Tag) -> Option<u32> {
        let steps = self.steps_back[tag.index()].load(Ordering::Relaxed);
        (steps != self.handled_steps[tag.index()].load(Ordering::Relaxed)).then_some(steps)
    }

    /// Notes that a tag's locks were shortened after this step back.
    pub(super) fn handled_step_back(&self, tag: Tag, step: u32) {
        self.handled_steps[tag.index()].store(step, Ordering::Relaxed);
    }

    /// Updates the estimate from a reply: the request was sent at `sent`, the reply was received at `heard`, and
    /// Redis's clock showed `said` when Redis made it.
    pub(super) fn learn(&self, tag: Tag, sent: Instant, heard: Instant, said: Millis) {
        let ahead = &self.ahead[tag.index()];
        let known = ahead.load(Ordering::Relaxed);
        let learnt = self.steady.learnt(known, sent, heard, said);
        if learnt != known {
            ahead.store(learnt, Ordering::Relaxed);
            // A smaller correction only follows from the limited accuracy of the estimate.
            if known != UNKNOWN && learnt < known.saturating_sub(SET_BACK_MS_MIN) {
                self.steps_back[tag.index()].fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// The deadline `sent + within`, by the clock of this tag's Redis node; the largest time (no deadline) while that
    /// clock is unknown.
    pub(super) fn not_after(&self, tag: Tag, sent: Instant, within: Duration) -> Millis {
        match self.ahead[tag.index()].load(Ordering::Relaxed) {
            UNKNOWN => Millis::MAX,
            ahead => ahead.saturating_add(self.steady.ms(sent + within)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WITHIN: Duration = Duration::from_millis(500);

    #[test]
    fn clock_estimate_stays_between_the_times_of_sending_and_receiving() {
        let clocks = Clocks::new();
        let tag = Tag::all().next().unwrap();
        let at = |ms| clocks.steady.after_ms(ms);
        assert_eq!(clocks.not_after(tag, at(0), WITHIN), Millis::MAX, "nothing is known yet");
        clocks.learn(tag, at(100), at(104), 1_000_102);
        let first = clocks.not_after(tag, at(200), WITHIN);
        assert!((1_000_697..=1_000_703).contains(&first), "{first}");
        clocks.learn(tag, at(300), at(900), 1_000_301);
        assert_eq!(clocks.not_after(tag, at(200), WITHIN), first, "a slow reply does not change the estimate");
    }

    #[test]
    fn estimate_follows_a_jump_of_the_redis_clock_after_one_reply() {
        let clocks = Clocks::new();
        let tag = Tag::all().next().unwrap();
        let at = |ms| clocks.steady.after_ms(ms);
        for said in [5_000_000, 1_000_000, 9_000_000] {
            clocks.learn(tag, at(100), at(102), said);
            let then = clocks.not_after(tag, at(102), WITHIN);
            assert!((said + 498..=said + 504).contains(&then), "{said}: {then}");
        }
        assert_eq!(clocks.not_after(Tag::all().last().unwrap(), at(0), WITHIN), Millis::MAX, "each tag has its own");
    }
}
