//! Locks after the lock store's clock was set back. Not part of the macro, because only some fixtures can set the clock.

use std::time::Duration;

use async_trait::async_trait;

use super::{
    LocksFixture,
    hall::{Hall, next_seats, some_payment, someone},
};
use seatkeeper_core::locks::{LockReply, LongestTimes, Millis, StartReply};

/// How far the clock is set back.
const STEP: Duration = Duration::from_secs(3_600);

/// A lock store whose clock a test can set back.
#[async_trait]
pub trait ClockFixture: LocksFixture {
    /// Sets the lock store's clock back.
    async fn step_back(&self, by: Duration);
    /// The longest times that the lock store was opened with.
    fn longest(&self) -> LongestTimes;
}

/// After the clock was set back, no lock has more time left than it was given, viewers see the new times, and seats come
/// back after it.
pub async fn locks_last_their_own_time_at_most_after_the_clock_is_set_back(fixture: &dyn ClockFixture) {
    let hall = Hall::loaded(fixture).await;
    let (ann, bob, carol) = (someone(), someone(), someone());
    hall.take(ann, "A1 A2").await;
    hall.take(bob, "B1").await;
    let payment = some_payment();
    assert!(matches!(hall.start(bob, payment).await, StartReply::Started(_)));
    hall.sweep().await;
    let mut feed = hall.watch().await;
    let seq = hall.seq().await;

    fixture.step_back(STEP).await;
    let longest = fixture.longest();
    let mut tries = 0;
    let is_within = |until: Option<Millis>, most: Millis| until.is_some_and(|until| until <= fixture.now_ms() + most);
    while !is_within(hall.hold_of(ann).await.expires_at(), longest.lock_ms) {
        tries += 1;
        assert!(tries < 100, "ann's locks last until {:?}, now is {}", hall.hold_of(ann).await, fixture.now_ms());
        hall.sweep().await;
    }
    let paying = hall.hold_of(bob).await;
    assert!(is_within(paying.expires_at(), longest.payment_ms), "{paying:?}, now is {}", fixture.now_ms());
    assert_eq!(paying.payment, Some(payment));
    let change = next_seats(&mut feed).await;
    assert_eq!(change.prev, seq, "viewers see the new times");
    assert!(change.seq > seq, "sequence numbers grow although the clock went back");
    assert!(matches!(hall.lock(carol, "A1").await, LockReply::Taken(_)), "still held");

    let whole = longest.lock_ms.max(longest.payment_ms);
    fixture.advance(Duration::from_millis(u64::try_from(whole).unwrap_or(0) + 1)).await;
    hall.sweep().await;
    assert_eq!(hall.map().await, "");
    hall.take(carol, "A1 B1").await;
}
