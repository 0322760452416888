//! Contention: many people use one lock store concurrently.

use std::collections::BTreeMap;

use super::{
    LocksFixture,
    hall::{Hall, some_payment, someone},
};
use seatkeeper_core::{
    ids::{PersonId, SeatId},
    locks::{Hold, LockReply, StartReply},
};

/// The number of concurrent requests for one seat.
const ASKERS: usize = 1_000;

/// The number of concurrent requests for overlapping sets of seats.
const CROSSERS: usize = 200;

/// The number of people who lock, pay and release concurrently.
const STORMERS: usize = 64;

/// The number of times that each of these people locks, pays and releases.
const TURNS: usize = 20;

/// Of a thousand concurrent requests for one seat, one succeeds and the others are refused.
pub async fn one_of_a_thousand_concurrent_requests_gets_the_seat(fixture: &dyn LocksFixture) {
    let hall = Hall::loaded(fixture).await;
    let asks: Vec<_> = (0..ASKERS)
        .map(|_| {
            let hall = hall.clone();
            tokio::spawn(async move {
                let who = someone();
                (who, hall.lock(who, "A1").await)
            })
        })
        .collect();
    let mut winners = Vec::new();
    for ask in asks {
        match ask.await {
            Ok((who, LockReply::Held(_))) => winners.push(who),
            Ok((_, LockReply::Taken(taken))) => assert_eq!(taken.len(), 1),
            other => unreachable!("{other:?}"),
        }
    }
    assert_eq!(winners.len(), 1);
    assert_eq!(hall.hold_of(winners[0]).await.seats.len(), 1);
    assert_eq!(hall.map().await, "A1 locked");
}

/// Concurrent requests for overlapping sets of seats in any order: each set is locked whole or not at all, no seat is
/// locked twice, and there is no deadlock.
pub async fn concurrent_locks_of_overlapping_seats_take_all_or_none(fixture: &dyn LocksFixture) {
    let hall = Hall::loaded(fixture).await;
    let asks: Vec<_> = (0..CROSSERS)
        .map(|index| {
            let hall = hall.clone();
            let (one, two, three) = (index % 20 + 1, (index * 7 + 3) % 20 + 1, (index * 13 + 5) % 20 + 1);
            tokio::spawn(async move {
                let who = someone();
                (who, hall.lock(who, &format!("A{one} A{two} A{three}")).await)
            })
        })
        .collect();
    let mut owners: BTreeMap<SeatId, PersonId> = BTreeMap::new();
    for ask in asks {
        match ask.await {
            Ok((who, LockReply::Held(hold))) => {
                assert_eq!(hall.held_by(who).await, Hold { seq: 0, ..hold.clone() });
                for seat in &hold.seats {
                    assert_eq!(owners.insert(seat.id, who), None, "{} twice", seat.id);
                }
            }
            Ok((who, LockReply::Taken(taken))) => {
                assert!(!taken.is_empty());
                assert!(hall.hold_of(who).await.seats.is_empty());
            }
            other => unreachable!("{other:?}"),
        }
    }
    assert!(!owners.is_empty());
    assert_eq!(hall.snapshot().await.seats.len(), owners.len());
}

/// People lock, pay, cancel, buy and release concurrently. At the end every taken seat has one owner, and the seat map
/// agrees.
pub async fn concurrent_locks_and_sales_leave_one_owner_per_seat(fixture: &dyn LocksFixture) {
    let hall = Hall::loaded(fixture).await;
    let people: Vec<_> = (0..STORMERS).map(|person| tokio::spawn(storm(hall.clone(), person))).collect();
    let mut bought: BTreeMap<SeatId, PersonId> = BTreeMap::new();
    let mut held: BTreeMap<SeatId, PersonId> = BTreeMap::new();
    for person in people {
        let Ok((who, seats)) = person.await else { unreachable!("a person failed") };
        for seat in seats {
            assert_eq!(bought.insert(seat, who), None, "{seat} sold twice");
        }
        for seat in hall.hold_of(who).await.seats {
            assert_eq!(held.insert(seat.id, who), None, "{} held twice", seat.id);
        }
    }
    assert!(held.keys().all(|seat| !bought.contains_key(seat)), "nobody holds a sold seat");
    assert_eq!(hall.snapshot().await.seats.len(), bought.len() + held.len());
}

async fn storm(hall: Hall, person: usize) -> (PersonId, Vec<SeatId>) {
    let who = someone();
    let mut bought = Vec::new();
    for turn in 0..TURNS {
        let first = (person * 11 + turn * 5) % 60 + 1;
        if !matches!(hall.lock(who, &format!("A{first} A{}", first + 1)).await, LockReply::Held(_)) {
            hall.release(who, None).await;
            continue;
        }
        let payment = some_payment();
        let StartReply::Started(hold) = hall.start(who, payment).await else { unreachable!("two seats are held") };
        if (person + turn).is_multiple_of(3) {
            let seats: Vec<SeatId> = hold.seats.iter().map(|seat| seat.id).collect();
            let names: Vec<String> = seats.iter().map(ToString::to_string).collect();
            hall.sell(payment, &names.join(" ")).await;
            bought.extend(seats);
        }
        hall.end(who, payment).await;
    }
    (who, bought)
}
