//! Live changes of seats, which servers send to viewers.

use std::collections::BTreeMap;

use super::{
    LocksFixture,
    hall::{Hall, draw, next_seats, some_payment, someone},
};
use seatkeeper_core::{
    ids::SeatId,
    locks::{SeatSnapshot, SeatStatus},
    ports::LiveFeed,
};

/// The number of people who change seats concurrently.
const PEOPLE: usize = 8;

/// A seat map that is built from a snapshot and the live changes after it.
struct Viewer {
    seq: u64,
    shows: BTreeMap<SeatId, SeatStatus>,
}

impl Viewer {
    fn joins(snapshot: &SeatSnapshot) -> Self {
        let shows = snapshot.seats.iter().map(|seat| (seat.id, seat.status)).collect();
        Self { seq: snapshot.seq, shows }
    }

    /// Applies live changes up to `seq`. Changes before the snapshot are skipped.
    async fn follow(&mut self, feed: &mut LiveFeed, seq: u64) {
        while self.seq < seq {
            let change = next_seats(feed).await;
            assert!(change.seq > change.prev);
            if change.seq <= self.seq {
                continue;
            }
            assert_eq!(change.prev, self.seq, "no gap");
            self.seq = change.seq;
            for seat in &change.changes {
                match seat.status {
                    SeatStatus::Available => self.shows.remove(&seat.id),
                    status => self.shows.insert(seat.id, status),
                };
            }
        }
    }
}

/// Once `watch` has returned, every change arrives in order and without a gap, and the changes lead to the current seat
/// map.
pub async fn subscriber_receives_every_change_in_order(fixture: &dyn LocksFixture) {
    let hall = Hall::loaded(fixture).await;
    hall.take(someone(), "Z1").await;
    let mut early = hall.watch().await;
    let mut viewer = Viewer::joins(&hall.snapshot().await);
    let people: Vec<_> = (0..PEOPLE).map(|person| tokio::spawn(change_seats(hall.clone(), person))).collect();
    let mut late = hall.watch().await;
    let mut late_viewer = Viewer::joins(&hall.snapshot().await);
    for person in people {
        assert!(person.await.is_ok());
    }
    let end = hall.snapshot().await;
    viewer.follow(&mut early, end.seq).await;
    late_viewer.follow(&mut late, end.seq).await;
    let map: BTreeMap<SeatId, SeatStatus> = end.seats.iter().map(|seat| (seat.id, seat.status)).collect();
    assert_eq!(viewer.shows, map);
    assert_eq!(late_viewer.shows, map);
}

async fn change_seats(hall: Hall, person: usize) {
    let (who, payment) = (someone(), some_payment());
    for turn in 0..10 {
        let row = ["A", "B", "C"][(person + turn) % 3];
        let number = (person * 7 + turn * 3) % 10 + 1;
        hall.lock(who, &format!("{row}{number} {row}{}", number + 1)).await;
        hall.release(who, Some(&format!("{row}{number}"))).await;
    }
    hall.start(who, payment).await;
    hall.sell(payment, &format!("D{}", person + 1)).await;
    if person.is_multiple_of(2) {
        hall.free(&format!("D{}", person + 1)).await;
    }
}

/// The changes of a screening are sent only to the subscribers of that screening.
pub async fn subscriber_receives_changes_of_its_own_screening_only(fixture: &dyn LocksFixture) {
    let (here, there) = (Hall::loaded(fixture).await, Hall::loaded(fixture).await);
    let mut feed = here.watch().await;
    let ann = someone();
    there.take(ann, "A1").await;
    let hold = here.take(ann, "B1").await;
    let change = next_seats(&mut feed).await;
    assert_eq!((change.screening, draw(&change.changes).as_str()), (here.screening, "B1 locked"));
    let until = hold.seats[0].until;
    assert_eq!(change.changes[0].status, SeatStatus::Locked { until });
    assert_eq!(change.seq, here.seq().await);
}

/// The expiry of a lock is published once, even if several servers sweep.
pub async fn expiry_of_a_lock_is_published_to_subscribers_once(fixture: &dyn LocksFixture) {
    let hall = Hall::loaded(fixture).await;
    let mut feed = hall.watch().await;
    hall.take(someone(), "A1 A2").await;
    assert_eq!(draw(&next_seats(&mut feed).await.changes), "A1 locked, A2 locked");
    fixture.advance(hall.lock_time()).await;
    hall.sweep_concurrently(PEOPLE).await;
    // The next change directly follows the expiry, so nothing else was published in between.
    hall.take(someone(), "A3").await;
    let mut published = Vec::new();
    while published.last().is_none_or(|last: &String| last != "A3 locked") {
        published.extend(next_seats(&mut feed).await.changes.iter().map(|change| draw(std::slice::from_ref(change))));
    }
    published.sort_unstable();
    assert_eq!(published, ["A1 available", "A2 available", "A3 locked"]);
}

/// A snapshot shows no expired lock, and the next live change continues from the snapshot's sequence number.
pub async fn snapshot_has_no_expired_locks_and_the_next_change_follows_it(fixture: &dyn LocksFixture) {
    let hall = Hall::loaded(fixture).await;
    hall.take(someone(), "A1").await;
    hall.sell(some_payment(), "B1").await;
    let first = hall.snapshot().await;
    assert_eq!(draw(&first.seats), "A1 locked, B1 booked");
    assert_eq!(hall.snapshot().await, first, "reading changes nothing");
    fixture.advance(hall.lock_time()).await;
    let mut feed = hall.watch().await;
    let mut viewer = Viewer::joins(&hall.snapshot().await);
    assert!(viewer.seq > first.seq, "the expiry is a change");
    assert_eq!(viewer.shows.len(), 1);
    hall.take(someone(), "A1").await;
    let end = hall.seq().await;
    viewer.follow(&mut feed, end).await;
    assert_eq!(viewer.shows.len(), 2);
}
