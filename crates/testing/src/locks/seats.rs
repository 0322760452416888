//! Locking seats, releasing them, and expiry.

use super::{
    LocksFixture,
    hall::{Hall, seats, some_payment, someone},
};
use seatkeeper_core::locks::{Hold, LockReply, ReleaseReply};

fn names(hold: &Hold) -> String {
    hold.seats.iter().map(|seat| seat.id.to_string()).collect::<Vec<_>>().join(" ")
}

/// A request locks all of its seats or none. A refusal names all taken seats and changes nothing.
pub async fn lock_of_several_seats_takes_all_or_none(fixture: &dyn LocksFixture) {
    let hall = Hall::loaded(fixture).await;
    let (ann, bob) = (someone(), someone());
    assert_eq!(names(&hall.take(ann, "A2 A1").await), "A1 A2");
    hall.sell(some_payment(), "A4").await;
    let before = hall.seq().await;
    assert_eq!(hall.lock(bob, "A3 A4 A2").await, LockReply::Taken(seats("A2 A4").into()));
    assert_eq!(hall.lock_some(bob, "A5 A3 A1", "A5").await, LockReply::Taken(seats("A1 A5").into()));
    assert_eq!(hall.seq().await, before);
    assert_eq!(hall.map().await, "A1 locked, A2 locked, A4 booked");
    assert!(hall.hold_of(bob).await.seats.is_empty());
}

/// Locking seats again that the person holds keeps their expiry; duplicates in a request count once.
pub async fn relocking_held_seats_keeps_their_expiry(fixture: &dyn LocksFixture) {
    let hall = Hall::loaded(fixture).await;
    let ann = someone();
    let first = hall.take(ann, "A1").await;
    fixture.advance(hall.lock_time() / 10).await;
    let before = hall.seq().await;
    assert_eq!(hall.take(ann, "A1 A1").await, first);
    assert_eq!(hall.seq().await, before, "nothing changed, nothing is published");
    let second = hall.take(ann, "A2 A1 A2").await;
    assert_eq!(names(&second), "A1 A2");
    assert_eq!(second.seats[0], first.seats[0]);
    assert!(second.seats[1].until > first.seats[0].until);
    assert_eq!(second.expires_at(), first.expires_at());
}

/// A person may hold a limited number of seats. Sold seats and expired locks do not count.
pub async fn lock_is_refused_above_the_limit_per_person(fixture: &dyn LocksFixture) {
    let hall = Hall::loaded(fixture).await;
    let ann = someone();
    hall.take(ann, "A1 A2 A3").await;
    assert_eq!(hall.lock(ann, "A4 A5").await, LockReply::TooMany);
    assert_eq!(names(&hall.take(ann, "A4 A1").await), "A1 A2 A3 A4");
    assert_eq!(hall.lock(ann, "A5").await, LockReply::TooMany);
    hall.sell(some_payment(), "A1").await;
    assert_eq!(names(&hall.take(ann, "A5").await), "A2 A3 A4 A5");
    fixture.advance(hall.lock_time()).await;
    assert_eq!(names(&hall.take(ann, "A6 A7 A8 A9").await), "A6 A7 A8 A9");
}

/// `Paying` takes precedence over `TooMany`, and that over `Taken`.
pub async fn refusals_of_a_lock_have_a_fixed_order_of_precedence(fixture: &dyn LocksFixture) {
    let hall = Hall::loaded(fixture).await;
    let (ann, bob) = (someone(), someone());
    hall.take(bob, "A1").await;
    hall.take(ann, "A2 A3 A4 A5").await;
    assert_eq!(hall.lock(ann, "A1").await, LockReply::TooMany);
    hall.start(ann, some_payment()).await;
    assert!(matches!(hall.lock(ann, "A1").await, LockReply::Paying(_)));
}

/// Expiry is computed from the time and needs no sweep.
pub async fn expired_lock_is_free_without_a_sweep(fixture: &dyn LocksFixture) {
    let hall = Hall::loaded(fixture).await;
    let (ann, bob) = (someone(), someone());
    hall.take(ann, "A1 A2").await;
    assert!(matches!(hall.lock(bob, "A1").await, LockReply::Taken(_)));
    fixture.advance(hall.lock_time()).await;
    assert!(hall.hold_of(ann).await.seats.is_empty());
    assert_eq!(names(&hall.take(bob, "A1").await), "A1");
    assert_eq!(hall.map().await, "A1 locked", "A2 is shown as available, too");
}

/// A release ignores seats of other people. Without a list of seats the whole hold is released.
pub async fn release_ignores_seats_of_other_people(fixture: &dyn LocksFixture) {
    let hall = Hall::loaded(fixture).await;
    let (ann, bob) = (someone(), someone());
    hall.take(ann, "A1 A2 A3").await;
    hall.take(bob, "A4").await;
    let before = hall.seq().await;
    assert_eq!(hall.release(bob, Some("A1 A2")).await, ReleaseReply::Left(hall.hold_of(bob).await));
    let nothing = Hold { seq: hall.seq().await, ..Hold::default() };
    assert_eq!(hall.release(someone(), None).await, ReleaseReply::Left(nothing));
    assert_eq!(hall.seq().await, before);
    let ReleaseReply::Left(left) = hall.release(ann, Some("A2 A4 A9")).await else { unreachable!("not paying") };
    assert_eq!(names(&left), "A1 A3");
    let ReleaseReply::Left(left) = hall.release(ann, None).await else { unreachable!("not paying") };
    assert_eq!((left.seq, left.seats.len(), left.payment), (hall.seq().await, 0, None));
    assert_eq!(hall.map().await, "A4 locked");
}

/// A hold contains only the locks of one person at one screening.
pub async fn hold_has_all_locks_of_one_person_at_one_screening(fixture: &dyn LocksFixture) {
    let (here, there) = (Hall::loaded(fixture).await, Hall::loaded(fixture).await);
    let ann = someone();
    here.take(ann, "A3 A1").await;
    there.take(ann, "B1").await;
    here.take(someone(), "A2").await;
    let hold = here.hold_of(ann).await;
    assert_eq!((names(&hold).as_str(), hold.payment), ("A1 A3", None));
    assert_eq!(names(&there.hold_of(ann).await), "B1");
    assert_eq!(here.held_by(someone()).await, Hold::default());
}
