//! Payment locks, recorded sales and refunds.

use super::{
    LocksFixture,
    hall::{Hall, seats, some_payment, someone},
};
use seatkeeper_core::locks::{Hold, LockReply, ReleaseReply, StartReply};

fn started(reply: StartReply) -> Hold {
    match reply {
        StartReply::Started(hold) => hold,
        other => unreachable!("the payment should start: {other:?}"),
    }
}

/// The first payment of a lock restarts the expiry of that lock, later ones do not. Starting the same payment again
/// changes nothing.
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
    assert_eq!(second.seats[..2], first.seats[..], "restarted locks keep their expiry");
    assert!(second.seats[2].until > first.seats[0].until, "a new lock is restarted");
    assert_eq!(second.payment, Some(two));
}

/// While a person has a payment lock, that person cannot lock or release seats; other people can.
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

/// A payment lock can be ended only by its own payment and person. Afterwards the seats stay locked.
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

/// A payment does not start if the person holds no seats or all of their locks have expired.
pub async fn payment_without_held_seats_is_not_started(fixture: &dyn LocksFixture) {
    let hall = Hall::loaded(fixture).await;
    let ann = someone();
    assert_eq!(hall.start(ann, some_payment()).await, StartReply::NothingHeld);
    hall.take(ann, "A1").await;
    fixture.advance(hall.lock_time()).await;
    assert_eq!(hall.start(ann, some_payment()).await, StartReply::NothingHeld);
    assert_eq!(hall.held_by(ann).await, Hold::default());
}

/// A payment lock expires with the first of the person's seats.
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

/// During the confirmation the locks are extended; when the payment ends they return to their own expiry. An extension
/// does not change seats that other people hold or have bought, nor the lock of another payment.
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
    assert_eq!(hall.hold_of(ann).await, kept, "nor while half of the extension is left");
    hall.end(ann, payment).await;
    assert_eq!(hall.held_by(ann).await, Hold { seq: 0, payment: None, ..hold.clone() }, "their own expiry");

    hall.keep(ann, payment, "A1 A2", 8 * hall.ttl_ms).await;
    hall.end(ann, payment).await;
    assert_eq!(hall.hold_of(ann).await.seats, hold.seats, "also if the payment lock had been ended before");

    let again = some_payment();
    started(hall.start(ann, again).await);
    hall.keep(ann, again, "A1 A2", 8 * hall.ttl_ms).await;
    fixture.advance(3 * hall.lock_time()).await;
    hall.sweep().await;
    assert_eq!(hall.hold_of(ann).await.seats.len(), 2, "extended locks outlive their own expiry");
    hall.end(ann, again).await;
    assert_eq!(hall.held_by(ann).await, Hold::default(), "their own expiry has passed");
    hall.take(bob, "A1").await;
    hall.sell(some_payment(), "A2").await;
    hall.keep(ann, some_payment(), "A1 A2", hall.ttl_ms).await;
    assert_eq!(hall.held_by(ann).await, Hold::default());
    assert_eq!(hall.map().await, "A1 locked, A2 booked");
}

/// A lock that expires later than the extension keeps its own expiry, also when the payment ends.
pub async fn extension_never_shortens_a_lock_that_expires_later(fixture: &dyn LocksFixture) {
    let hall = Hall::loaded(fixture).await;
    let ann = someone();
    let (one, two) = (some_payment(), some_payment());
    hall.take(ann, "A1").await;
    started(hall.start(ann, one).await);
    hall.end(ann, one).await;
    // A payment lasts twice as long as a lock. A1 has half a lock time left, and A2 will have two.
    fixture.advance(hall.lock_time() * 3 / 2).await;
    hall.take(ann, "A2").await;
    let hold = started(hall.start(ann, two).await);
    hall.keep(ann, two, "A1 A2", hall.ttl_ms * 8 / 5).await;
    let kept = hall.hold_of(ann).await;
    assert!(kept.seats[0].until > hold.seats[0].until, "A1 is extended");
    assert_eq!(kept.seats[1], hold.seats[1], "A2 expires later anyway");
    hall.end(ann, two).await;
    assert_eq!(hall.held_by(ann).await, Hold { seq: 0, payment: None, ..hold }, "each has its own expiry again");
}

/// A sale removes the locks of its seats, whoever holds them, and ends the payment lock.
pub async fn recorded_sale_marks_seats_sold_even_if_another_person_has_locked_them(fixture: &dyn LocksFixture) {
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
    assert_eq!(hall.seq().await, before, "marking sold is idempotent");
    assert!(hall.releases().await.is_empty(), "a sale is no release");
}

/// A refund makes only sold seats available; locks do not change.
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
