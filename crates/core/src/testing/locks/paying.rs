//! Payment locks, sales and refunds.

use super::{
    LocksFixture,
    hall::{Hall, seats, some_payment, someone},
};
use crate::locks::{Hold, LockReply, ReleaseReply, StartReply};

fn started(reply: StartReply) -> Hold {
    match reply {
        StartReply::Started(hold) => hold,
        other => unreachable!("it should start: {other:?}"),
    }
}

/// A payment restarts each seat's time, once in a lock's life; the same payment again changes nothing.
pub async fn payment_restarts_the_expiry_of_a_lock_once(fixture: &dyn LocksFixture) {
    let hall = Hall::loaded(fixture).await;
    let ann = someone();
    let (one, two) = (some_payment(), some_payment());
    let locked = hall.take(ann, "A1 A2").await;
    let first = started(hall.start(ann, one).await);
    assert_eq!(first.payment, Some(one));
    assert!(first.seats.iter().zip(&locked.seats).all(|(now, before)| now.until > before.until));
    fixture.advance(hall.lock_time() / 10).await;
    let before = hall.seq().await;
    assert_eq!(started(hall.start(ann, one).await), first);
    assert_eq!(hall.seq().await, before);

    hall.end(ann, one).await;
    hall.take(ann, "A3").await;
    let second = started(hall.start(ann, two).await);
    assert_eq!(second.seats[..2], first.seats[..], "these keep the time they have");
    assert!(second.seats[2].until > first.seats[0].until, "a new one has its own");
    assert_eq!(second.payment, Some(two));
}

/// While the payment lock stands its holder changes no seats, and nobody else is hindered.
pub async fn lock_and_release_are_refused_while_the_holder_pays(fixture: &dyn LocksFixture) {
    let hall = Hall::loaded(fixture).await;
    let (ann, bob) = (someone(), someone());
    let payment = some_payment();
    hall.take(ann, "A1").await;
    hall.start(ann, payment).await;
    let before = hall.seq().await;
    assert!(matches!(hall.lock(ann, "A2").await, LockReply::Paying(lock) if lock.payment == payment));
    assert!(matches!(hall.lock(ann, "A1").await, LockReply::Paying(_)));
    assert!(matches!(hall.release(ann, None).await, ReleaseReply::Paying(lock) if lock.payment == payment));
    assert!(matches!(hall.start(ann, some_payment()).await, StartReply::Paying(lock) if lock.payment == payment));
    assert_eq!(hall.seq().await, before);
    hall.take(bob, "A2").await;
    assert_eq!(hall.hold_of(ann).await.payment, Some(payment));
}

/// With another id, or another's, it does nothing; its seats stay locked.
pub async fn payment_lock_is_ended_only_by_its_own_payment_id(fixture: &dyn LocksFixture) {
    let hall = Hall::loaded(fixture).await;
    let (ann, bob) = (someone(), someone());
    let payment = some_payment();
    hall.take(ann, "A1").await;
    let hold = started(hall.start(ann, payment).await);
    hall.end(ann, some_payment()).await;
    hall.end(bob, payment).await;
    assert_eq!(hall.hold_of(ann).await, hold);
    hall.end(ann, payment).await;
    hall.end(ann, payment).await;
    assert_eq!(hall.held_by(ann).await, Hold { seq: 0, payment: None, ..hold });
    let ReleaseReply::Left(left) = hall.release(ann, None).await else { unreachable!("not paying") };
    assert_eq!((left.seq, left.seats.len(), left.payment), (hall.seq().await, 0, None));
}

/// Nothing held, or nothing any more, is nothing to pay.
pub async fn a_payment_without_seats_does_not_start(fixture: &dyn LocksFixture) {
    let hall = Hall::loaded(fixture).await;
    let ann = someone();
    assert_eq!(hall.start(ann, some_payment()).await, StartReply::NothingHeld);
    hall.take(ann, "A1").await;
    fixture.advance(hall.lock_time()).await;
    assert_eq!(hall.start(ann, some_payment()).await, StartReply::NothingHeld);
    assert_eq!(hall.held_by(ann).await, Hold::default());
}

/// A payment lock ends by itself when its time is up.
pub async fn payment_lock_expires_with_its_seats(fixture: &dyn LocksFixture) {
    let hall = Hall::loaded(fixture).await;
    let ann = someone();
    hall.take(ann, "A1").await;
    started(hall.start(ann, some_payment()).await);
    fixture.advance(2 * hall.lock_time()).await;
    assert_eq!(hall.held_by(ann).await, Hold::default());
    hall.take(ann, "A1 A2").await;
    started(hall.start(ann, some_payment()).await);
}

/// While the outcome is asked for the seats are kept; when the payment ends they have the time they had before. What
/// others hold or have bought is not taken for it, and another's payment is not touched.
pub async fn extended_locks_return_to_their_own_expiry_when_the_payment_ends(fixture: &dyn LocksFixture) {
    let hall = Hall::loaded(fixture).await;
    let (ann, bob) = (someone(), someone());
    let payment = some_payment();
    hall.take(ann, "A1 A2").await;
    let hold = started(hall.start(ann, payment).await);
    hall.keep(ann, payment, "A1 A2", 8 * hall.ttl_ms).await;
    let kept = hall.hold_of(ann).await;
    assert!(kept.expires_at() > hold.expires_at());
    assert_eq!(kept.payment, Some(payment));
    hall.keep(ann, some_payment(), "A1 A2", 20 * hall.ttl_ms).await;
    assert_eq!(hall.hold_of(ann).await, kept, "with another payment it does nothing");
    hall.keep(ann, payment, "A1 A2", 9 * hall.ttl_ms).await;
    assert_eq!(hall.hold_of(ann).await, kept, "nor while half of the time is left");
    hall.end(ann, payment).await;
    assert_eq!(hall.held_by(ann).await, Hold { seq: 0, payment: None, ..hold.clone() }, "the time they had before");

    hall.keep(ann, payment, "A1 A2", 8 * hall.ttl_ms).await;
    hall.end(ann, payment).await;
    assert_eq!(hall.hold_of(ann).await.seats, hold.seats, "also when its lock had been ended before");

    let again = some_payment();
    started(hall.start(ann, again).await);
    hall.keep(ann, again, "A1 A2", 8 * hall.ttl_ms).await;
    fixture.advance(3 * hall.lock_time()).await;
    hall.sweep().await;
    assert_eq!(hall.hold_of(ann).await.seats.len(), 2, "they outlive the time they had");
    hall.end(ann, again).await;
    assert_eq!(hall.held_by(ann).await, Hold::default(), "which is up");
    hall.take(bob, "A1").await;
    hall.sell(some_payment(), "A2").await;
    hall.keep(ann, some_payment(), "A1 A2", hall.ttl_ms).await;
    assert_eq!(hall.held_by(ann).await, Hold::default());
    assert_eq!(hall.map().await, "A1 locked, A2 booked");
}

/// A payment is kept for less time than one of its seats has by itself: that seat keeps its own time, also at the end.
pub async fn extension_never_shortens_a_lock_that_expires_later(fixture: &dyn LocksFixture) {
    let hall = Hall::loaded(fixture).await;
    let ann = someone();
    let (one, two) = (some_payment(), some_payment());
    hall.take(ann, "A1").await;
    started(hall.start(ann, one).await);
    hall.end(ann, one).await;
    // Of its two times, A1 has half a time left, and A2 will have both.
    fixture.advance(hall.lock_time() * 3 / 2).await;
    hall.take(ann, "A2").await;
    let hold = started(hall.start(ann, two).await);
    hall.keep(ann, two, "A1 A2", hall.ttl_ms * 8 / 5).await;
    let kept = hall.hold_of(ann).await;
    assert!(kept.seats[0].until > hold.seats[0].until, "A1 is kept");
    assert_eq!(kept.seats[1], hold.seats[1], "A2 needs no keeping");
    hall.end(ann, two).await;
    assert_eq!(hall.held_by(ann).await, Hold { seq: 0, payment: None, ..hold }, "each has its own time again");
}

/// Sold is sold, whoever held the lock; the payment's own lock ends with it.
pub async fn a_sale_takes_the_seats_whoever_holds_them(fixture: &dyn LocksFixture) {
    let hall = Hall::loaded(fixture).await;
    let (ann, bob) = (someone(), someone());
    let payment = some_payment();
    hall.take(ann, "A1").await;
    hall.take(bob, "A2 A3").await;
    hall.start(ann, payment).await;
    hall.sell(payment, "A1 A2 A4").await;
    assert_eq!(hall.map().await, "A1 booked, A2 booked, A3 locked, A4 booked");
    assert_eq!(hall.held_by(ann).await, Hold::default());
    assert_eq!(hall.hold_of(bob).await.seats.len(), 1);
    assert_eq!(hall.lock(bob, "A1 A4").await, LockReply::Taken(seats("A1 A4").into()));
    hall.take(ann, "A5").await;
    let before = hall.seq().await;
    hall.sell(payment, "A1 A2 A4").await;
    assert_eq!(hall.seq().await, before, "telling it twice is telling it once");
    assert!(hall.releases().await.is_empty(), "a sale is no release");
}

/// Only sold seats are freed; locks are not touched.
pub async fn refund_frees_only_sold_seats(fixture: &dyn LocksFixture) {
    let hall = Hall::loaded(fixture).await;
    let (ann, bob) = (someone(), someone());
    hall.sell(some_payment(), "A1 A2").await;
    hall.take(ann, "A3").await;
    hall.free("A1 A3 A4").await;
    assert_eq!(hall.map().await, "A2 booked, A3 locked");
    hall.take(bob, "A1").await;
    let before = hall.seq().await;
    hall.free("A1").await;
    assert_eq!(hall.seq().await, before);
    assert_eq!(hall.map().await, "A1 locked, A2 booked, A3 locked");
}
