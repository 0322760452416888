//! Seats withdrawn from sale during sales.

use super::{
    LocksFixture,
    hall::{Hall, draw, next_seats, seats, some_payment, someone},
};
use seatkeeper_core::locks::{LoadReply, LockReply, SeatTruth, WithdrawReply};

/// Subscribers get a withdrawn seat at once, and nobody can lock it.
pub async fn withdrawn_seats_are_published_and_refused_like_sold_ones(fixture: &dyn LocksFixture) {
    let hall = Hall::loaded(fixture).await;
    let mut feed = hall.watch().await;
    assert_eq!(hall.withdraw("A1 A2").await, WithdrawReply::Withdrawn);
    let change = next_seats(&mut feed).await;
    assert_eq!(draw(&change.changes), "A1 unavailable, A2 unavailable");
    let ann = someone();
    assert_eq!(hall.lock(ann, "A1").await, LockReply::Taken(seats("A1").into()));
    assert_eq!(hall.lock(ann, "A3 A2 A1").await, LockReply::Taken(seats("A1 A2").into()));
    assert_eq!(hall.map().await, "A1 unavailable, A2 unavailable");
    assert_eq!(hall.withdraw("A2").await, WithdrawReply::Withdrawn);
    assert_eq!(hall.seq().await, change.seq, "withdrawing again changes nothing");
    let states = hall.locks.list_states(&[hall.screening]).await;
    assert_eq!(states.ok(), Some(vec![Some((change.seq, 2))]), "withdrawn seats count as taken");
}

/// Seats are withdrawn all or none: a held or sold seat refuses the whole call.
pub async fn withdrawing_changes_nothing_when_one_seat_is_held_or_sold(fixture: &dyn LocksFixture) {
    let hall = Hall::unloaded(fixture);
    assert_eq!(hall.withdraw("A1").await, WithdrawReply::NotLoaded { seq: 0 });
    let hall = Hall::loaded(fixture).await;
    hall.take(someone(), "A1").await;
    hall.sell(some_payment(), "A2").await;
    let before = hall.seq().await;
    assert_eq!(hall.withdraw("A3 A2 A1").await, WithdrawReply::Taken(seats("A1 A2").into()));
    assert_eq!((hall.map().await.as_str(), hall.seq().await), ("A1 locked, A2 booked", before));
    fixture.advance(hall.lock_time()).await;
    assert_eq!(hall.withdraw("A1").await, WithdrawReply::Withdrawn, "the lock has expired");
    assert_eq!(hall.releases().await.len(), 1, "and is released");
}

/// A load sets the withdrawn seats as in the ledger. A recorded sale overrides a withdrawal; other withdrawn seats can
/// be restored to sale.
pub async fn withdrawn_seats_are_set_by_a_load_and_restored_to_sale(fixture: &dyn LocksFixture) {
    let hall = Hall::loaded(fixture).await;
    hall.withdraw("A1").await;
    hall.take(someone(), "A4").await;
    let truth = SeatTruth { sold: seats("A2"), withdrawn: seats("A2 A3 A4"), ..SeatTruth::default() };
    assert_eq!(hall.load(&truth).await, LoadReply::Loaded);
    assert_eq!(hall.map().await, "A2 booked, A3 unavailable, A4 unavailable");
    hall.sell(some_payment(), "A3").await;
    assert_eq!(hall.map().await, "A2 booked, A3 booked, A4 unavailable");
    hall.free("A3 A4").await;
    assert_eq!(hall.map().await, "A2 booked, A4 unavailable", "a refund frees only sold seats");
    let mut feed = hall.watch().await;
    hall.restore("A2 A4 A5").await;
    assert_eq!(draw(&next_seats(&mut feed).await.changes), "A4 available");
    hall.take(someone(), "A4").await;
}
