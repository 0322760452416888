//! Loading seat maps from the ledger.

use super::{
    LocksFixture,
    hall::{Hall, seats, some_payment, someone, sure},
};
use seatkeeper_core::locks::{ClaimedSeat, LoadReply, LockReply, SeatTruth, StartReply};

fn sold(names: &str) -> SeatTruth {
    SeatTruth { sold: seats(names), ..SeatTruth::default() }
}

/// A seat map that is not loaded refuses locks with `NotLoaded`.
pub async fn lock_is_refused_before_the_map_is_loaded(fixture: &dyn LocksFixture) {
    let hall = Hall::unloaded(fixture);
    let ann = someone();
    let LockReply::NotLoaded { seq } = hall.lock(ann, "A1").await else { unreachable!("granted") };
    assert_eq!(hall.start(ann, some_payment()).await, StartReply::NotLoaded { seq });
    assert_eq!(sure(hall.locks.snapshot(hall.screening).await), Err(seq));
    assert_eq!(sure(hall.locks.list_states(&[hall.screening]).await), [None]);
    assert!(hall.hold_of(ann).await.seats.is_empty());

    assert_eq!(hall.load_at(seq, &sold("A2")).await, LoadReply::Loaded);
    assert_eq!(hall.map().await, "A2 booked");
    assert_eq!(hall.lock(ann, "A1 A2").await, LockReply::Taken(seats("A2").into()));
    hall.take(ann, "A1").await;
}

/// A load is refused if the seat map has changed after the ledger was read.
pub async fn load_of_a_seat_map_is_refused_when_its_sequence_has_moved(fixture: &dyn LocksFixture) {
    for has_moved_by_sale in [true, false] {
        let hall = Hall::unloaded(fixture);
        let read_at = hall.seq().await;
        if has_moved_by_sale {
            hall.sell(some_payment(), "A1").await;
        } else {
            hall.free("A1").await;
        }
        let LoadReply::Moved { seq } = hall.load_at(read_at, &sold("A3")).await else { unreachable!("it moved") };
        assert!(seq > read_at);
        assert_eq!(hall.load_at(seq, &sold("A1")).await, LoadReply::Loaded);
        assert_eq!(hall.map().await, "A1 booked");
    }
    let hall = Hall::loaded(fixture).await;
    let read_at = hall.seq().await;
    hall.take(someone(), "A1").await;
    assert!(matches!(hall.load_at(read_at, &sold("A1")).await, LoadReply::Moved { .. }));
    assert_eq!(hall.map().await, "A1 locked");
}

/// A reload repairs a seat map: sold seats become those of the ledger, and locks that do not contradict the ledger
/// stay.
pub async fn reload_of_a_seat_map_corrects_differences_from_the_ledger(fixture: &dyn LocksFixture) {
    let hall = Hall::loaded(fixture).await;
    let (ann, bob) = (someone(), someone());
    hall.take(ann, "A1").await;
    hall.take(bob, "A2").await;
    hall.sell(some_payment(), "A3 A4").await;
    let before = hall.seq().await;
    assert_eq!(hall.load(&sold("A2 A4 A5")).await, LoadReply::Loaded);
    assert_eq!(hall.map().await, "A1 locked, A2 booked, A4 booked, A5 booked");
    assert!(hall.seq().await > before);
    assert!(hall.hold_of(bob).await.seats.is_empty());
    assert_eq!(hall.hold_of(ann).await.seats.len(), 1);

    let before = hall.seq().await;
    assert_eq!(hall.load(&sold("A2 A4 A5")).await, LoadReply::Loaded);
    assert_eq!(hall.seq().await, before, "nothing differed, nothing is published");
}

/// A load turns claims into locks with the claims' expiry, and a payment lock. They replace another person's lock.
pub async fn load_turns_a_claim_into_a_lock_with_a_payment_lock(fixture: &dyn LocksFixture) {
    let hall = Hall::loaded(fixture).await;
    let (ann, bob) = (someone(), someone());
    let payment = some_payment();
    hall.take(bob, "A2").await;
    let until = fixture.now_ms() + 2 * hall.ttl_ms;
    let claim = |id| ClaimedSeat { id, holder: ann, payment, until, extended_from: None };
    let over = ClaimedSeat { until: fixture.now_ms() - 1, ..claim(seats("A5")[0]) };
    let claimed = seats("A1 A2").into_iter().map(claim).chain([over]).collect();
    assert_eq!(hall.load(&SeatTruth { claimed, ..SeatTruth::default() }).await, LoadReply::Loaded);

    let hold = hall.hold_of(ann).await;
    assert_eq!(hold.seats.iter().map(|seat| seat.id).collect::<Vec<_>>(), seats("A1 A2"));
    assert_eq!((hold.expires_at(), hold.payment), (Some(until), Some(payment)));
    assert!(hall.hold_of(bob).await.seats.is_empty());
    assert!(matches!(hall.lock(ann, "A3").await, LockReply::Paying(lock) if lock.payment == payment));
    assert_eq!(hall.lock(bob, "A1").await, LockReply::Taken(seats("A1").into()));
    fixture.advance(2 * hall.lock_time()).await;
    hall.take(bob, "A1 A2").await;
}

/// The states of many screenings are returned by one call in the requested order; `None` for a map that is not loaded.
pub async fn states_of_seat_maps_are_listed_in_the_requested_order(fixture: &dyn LocksFixture) {
    let (one, two, three) = (Hall::loaded(fixture).await, Hall::unloaded(fixture), Hall::loaded(fixture).await);
    one.take(someone(), "A1 A2").await;
    one.sell(some_payment(), "A3").await;
    let asked = [three.screening, two.screening, one.screening, three.screening];
    let states = sure(one.locks.list_states(&asked).await);
    let third = Some((three.seq().await, 0));
    assert_eq!(states, [third, None, Some((one.seq().await, 3)), third]);
    assert_eq!(sure(one.locks.list_states(&[]).await), []);
}
