//! What Redis's clock says, learnt from its answers and this machine's steady clock; never from its wall clock.
//!
//! Each answer holds the time at which it was made, which was between asking and hearing. The nodes of a cluster have clocks
//! of their own, so one is kept for each tag.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::{Duration, Instant},
};

use seatkeeper_core::locks::Millis;

use super::keys::{TAGS, Tag};
use crate::steady::Steady;

/// Nothing has been heard of this tag's clock.
const UNKNOWN: i64 = i64::MIN;

/// By how much each tag's clock is ahead of this process's steady one.
pub(super) struct Clocks {
    steady: Steady,
    /// Milliseconds.
    ahead: [AtomicI64; TAGS as usize],
}

impl Clocks {
    pub(super) fn new() -> Self {
        Self { steady: Steady::new(), ahead: [const { AtomicI64::new(UNKNOWN) }; TAGS as usize] }
    }

    /// Takes in an answer that was asked for at `sent`, arrived at `heard` and was made at `said` by Redis.
    pub(super) fn learn(&self, tag: Tag, sent: Instant, heard: Instant, said: Millis) {
        let ahead = &self.ahead[tag.index()];
        let known = ahead.load(Ordering::Relaxed);
        let learnt = self.steady.learnt(known, sent, heard, said);
        if learnt != known {
            ahead.store(learnt, Ordering::Relaxed);
        }
    }

    /// The time of this tag's Redis that is so long after `sent`. A clock that nobody has heard sets no limit.
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
    fn a_clock_is_believed_between_asking_and_hearing() {
        let clocks = Clocks::new();
        let tag = Tag::all().next().unwrap();
        let at = |ms| clocks.steady.after_ms(ms);
        assert_eq!(clocks.not_after(tag, at(0), WITHIN), Millis::MAX, "nothing is known yet");
        clocks.learn(tag, at(100), at(104), 1_000_102);
        let first = clocks.not_after(tag, at(200), WITHIN);
        assert!((1_000_697..=1_000_703).contains(&first), "{first}");
        clocks.learn(tag, at(300), at(900), 1_000_301);
        assert_eq!(clocks.not_after(tag, at(200), WITHIN), first, "a slow answer proves nothing");
    }

    #[test]
    fn a_clock_that_steps_is_followed_at_once() {
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
