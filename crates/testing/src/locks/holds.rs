//! Live changes of holds and payments, which servers send to a person's own devices.

use super::{
    LocksFixture,
    hall::{Hall, next_event, next_seats, some_payment, someone},
};
use seatkeeper_core::{
    ids::PersonId,
    locks::{Hold, LiveChange, LiveEvent, LockReply, ReleaseReply, StartReply},
    payment::PaymentStatus,
};

/// The hold of `who` in a live change; `None` if the change does not contain it.
fn hold_in(change: &LiveChange, who: PersonId) -> Option<Hold> {
    let mut holds = change.holds.iter().flatten().filter(|one| one.holder == who);
    let hold = holds.next().map(|one| one.hold.clone());
    assert!(holds.next().is_none(), "each person once");
    assert!(hold.as_ref().is_none_or(|hold| hold.seq == change.seq), "a hold has the sequence of its change");
    hold
}

/// Each call that changes a hold publishes that whole hold, and the hold of no other person.
pub async fn subscribers_receive_each_changed_hold_with_its_holder(fixture: &dyn LocksFixture) {
    let hall = Hall::loaded(fixture).await;
    let mut feed = hall.watch().await;
    let (ann, bob, payment) = (someone(), someone(), some_payment());

    let hold = hall.take(ann, "A1").await;
    let change = next_seats(&mut feed).await;
    assert_eq!(change.holds.as_ref().map(Vec::len), Some(1));
    assert_eq!(hold_in(&change, ann), Some(hold), "a first seat");

    let hold = hall.take(ann, "A2 A3").await;
    assert_eq!(hold_in(&next_seats(&mut feed).await, ann), Some(hold), "more seats");

    let hold = hall.take(bob, "B1").await;
    let change = next_seats(&mut feed).await;
    assert_eq!((hold_in(&change, bob), hold_in(&change, ann)), (Some(hold), None), "another person");

    let ReleaseReply::Left(hold) = hall.release(ann, Some("A1")).await else { unreachable!("nobody pays") };
    assert_eq!(hold_in(&next_seats(&mut feed).await, ann), Some(hold), "one released");

    let StartReply::Started(hold) = hall.start(ann, payment).await else { unreachable!("seats are held") };
    let change = next_seats(&mut feed).await;
    assert_eq!(hold.payment, Some(payment));
    assert_eq!(hold_in(&change, ann), Some(hold), "a payment begins");

    hall.sell(payment, "A2 A3").await;
    let change = next_seats(&mut feed).await;
    let empty = Hold { seq: change.seq, ..Hold::default() };
    assert_eq!(hold_in(&change, ann), Some(empty), "a sale takes the seats and the payment lock");

    fixture.advance(hall.lock_time()).await;
    hall.sweep().await;
    let change = next_seats(&mut feed).await;
    let empty = Hold { seq: change.seq, ..Hold::default() };
    assert_eq!(hold_in(&change, bob), Some(empty), "the lock expired");
}

/// Every reply with a hold carries the current sequence number of the seat map.
pub async fn hold_carries_the_sequence_number_of_its_seat_map(fixture: &dyn LocksFixture) {
    let hall = Hall::loaded(fixture).await;
    let ann = someone();
    let first = hall.take(ann, "A1").await;
    assert_eq!(first.seq, hall.seq().await);
    assert_eq!(hall.hold_of(ann).await, first);
    let LockReply::Held(again) = hall.lock(ann, "A1").await else { unreachable!("it is theirs") };
    assert_eq!(again, first, "nothing changed");
    let second = hall.take(ann, "A2").await;
    assert!(second.seq > first.seq);
    hall.take(someone(), "B1").await;
    assert_eq!(hall.hold_of(ann).await.seq, hall.seq().await, "another person's change moves the sequence, too");
    let ReleaseReply::Left(left) = hall.release(ann, None).await else { unreachable!("nobody pays") };
    assert_eq!((left.seq, left.seats.len()), (hall.seq().await, 0));
}

/// A payment lock changes a hold even if no seat changes: at the start of a second payment, and at its end.
pub async fn change_of_a_payment_lock_alone_gets_a_sequence_number(fixture: &dyn LocksFixture) {
    let hall = Hall::loaded(fixture).await;
    let (ann, first, second) = (someone(), some_payment(), some_payment());
    hall.take(ann, "A1").await;
    hall.start(ann, first).await;
    let mut feed = hall.watch().await;
    let before = hall.seq().await;

    hall.end(ann, first).await;
    let change = next_seats(&mut feed).await;
    assert_eq!((change.prev, change.changes.len()), (before, 0), "no seat changed");
    assert_eq!(hold_in(&change, ann).map(|hold| (hold.payment, hold.seats.len())), Some((None, 1)));

    hall.start(ann, second).await;
    let next = next_seats(&mut feed).await;
    assert_eq!((next.prev, next.changes.len()), (change.seq, 0), "the expiry was restarted before");
    assert_eq!(hold_in(&next, ann).and_then(|hold| hold.payment), Some(second));
    assert_eq!(hall.seq().await, next.seq);

    hall.start(ann, second).await;
    hall.end(ann, first).await;
    assert_eq!(hall.seq().await, next.seq, "a call without effect takes no number");
}

/// A published payment status has no sequence number.
pub async fn payment_status_reaches_the_subscribers_of_its_screening(fixture: &dyn LocksFixture) {
    let (here, there) = (Hall::loaded(fixture).await, Hall::loaded(fixture).await);
    let (ann, payment) = (someone(), some_payment());
    let mut feed = here.watch().await;
    here.take(ann, "A1").await;
    let first = next_seats(&mut feed).await;
    there.publish_payment(ann, payment, PaymentStatus::Pending).await;
    here.publish_payment(ann, payment, PaymentStatus::Confirming).await;
    match &*next_event(&mut feed).await {
        LiveEvent::Payment(change) => {
            assert_eq!((change.screening, change.holder), (here.screening, ann));
            assert_eq!((change.payment, change.status), (payment, PaymentStatus::Confirming));
        }
        LiveEvent::Seats(change) => unreachable!("a payment was expected: {change:?}"),
    }
    here.take(ann, "A2").await;
    assert_eq!(next_seats(&mut feed).await.prev, first.seq);
}
