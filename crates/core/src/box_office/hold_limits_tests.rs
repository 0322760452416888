//! The limits against hoarding on one server: networks, concurrent calls, and the size of the tables.

use uuid::Uuid;

use super::*;
use crate::locks::HeldSeat;

const LOCK_MS: Millis = 300_000;
const HERE: ScreeningId = ScreeningId::from_uuid(Uuid::from_u128(1));

const RULES: HoldRules = HoldRules {
    seats_per_person: 10,
    holders_per_network: 2,
    hoarding: HoardingRules { seats_everywhere_max: 20, let_go_max: 2, lock_ms: LOCK_MS, payment_ms: LOCK_MS },
};

fn buyer(number: u128) -> Buyer {
    Buyer { person: PersonId::from_uuid(Uuid::from_u128(number)), is_staff: false, network: 7 }
}

fn seat() -> SeatId {
    SeatId::new("A", 1).unwrap()
}

fn held(until: Millis) -> Hold {
    Hold { seq: 1, seats: vec![HeldSeat { id: seat(), until }], payment: None }
}

/// A call that locks a seat at `now`. Returns whether the network admitted it.
fn lock(limits: &HoldLimits, number: u128, now: Millis) -> bool {
    match limits.begin(&RULES, &buyer(number), HERE, &[seat()], now) {
        Ok(pass) => {
            pass.held(&held(now + LOCK_MS), now);
            true
        }
        Err(_) => false,
    }
}

#[test]
fn people_of_one_network_hold_seats_up_to_the_limit_until_their_locks_end() {
    let limits = HoldLimits::default();
    assert_eq!([1, 2, 3, 1].map(|number| lock(&limits, number, 0)), [true, true, false, true]);
    let full = limits.check_network(&RULES, &buyer(3), 10).unwrap_err();
    assert_eq!(full.retry_after_ms, RETRY_AFTER_MS_MAX);
    let full = limits.check_network(&RULES, &buyer(3), LOCK_MS - 5).unwrap_err();
    assert_eq!(full.retry_after_ms, 5, "until the first lock expires");
    let staff = Buyer { is_staff: true, ..buyer(3) };
    assert_eq!(limits.check_network(&RULES, &staff, 10), Ok(()));
    let elsewhere = Buyer { network: 8, ..buyer(3) };
    assert_eq!(limits.check_network(&RULES, &elsewhere, 10), Ok(()));
    limits.note(&RULES, buyer(1).person, HERE, &Hold { seq: 2, ..Hold::default() }, 20);
    assert!(lock(&limits, 3, 20), "after a release");
    assert!(!lock(&limits, 4, 20));
    assert!(lock(&limits, 4, LOCK_MS), "after an expiry");
}

#[test]
fn concurrent_calls_of_newcomers_do_not_exceed_the_limit_together() {
    let limits = HoldLimits::default();
    let wanted = [seat()];
    let begin = |number| limits.begin(&RULES, &buyer(number), HERE, &wanted, 0);
    let (first, second) = (begin(1).ok().unwrap(), begin(2).ok().unwrap());
    assert!(begin(3).is_err());
    first.refused(0);
    let third = begin(3).ok().unwrap();
    assert!(begin(4).is_err(), "a refused call makes room for one");
    drop(second);
    assert!(begin(4).is_err(), "a call without a known outcome may have locked its seats");
    third.held(&held(LOCK_MS), 0);
    assert!(begin(4).is_err());
    assert!(begin(3).is_ok(), "who holds seats may lock more");
}

#[test]
fn holders_count_at_most_for_their_own_time_when_the_clock_is_set_back() {
    let limits = HoldLimits::default();
    let hour = 3_600_000;
    assert!(lock(&limits, 1, hour) && lock(&limits, 2, hour) && !lock(&limits, 3, 0));
    assert!(lock(&limits, 3, LOCK_MS));
}

#[test]
fn refused_calls_leave_no_entries() {
    let limits = HoldLimits::default();
    for number in 0..1_000 {
        let buyer = Buyer { network: number, ..buyer(number) };
        limits.begin(&RULES, &buyer, HERE, &[seat()], 0).ok().unwrap().refused(0);
    }
    assert_eq!(count(&limits), (0, 0));
}

#[test]
fn number_of_entries_is_limited_and_expired_ones_are_removed() {
    let limits = HoldLimits::default();
    let many = u128::try_from(3 * SHARDS * ENTRIES_PER_SHARD_MAX).unwrap();
    let of = |number| Buyer { network: number, ..buyer(number) };
    let lock = |number, now| {
        let wanted = [seat()];
        let pass = limits.begin(&RULES, &of(number), HERE, &wanted, now).ok().unwrap();
        pass.held(&held(now + LOCK_MS), now);
    };
    (0..many).for_each(|number| lock(number, 0));
    let (people, networks) = count(&limits);
    assert!(people <= SHARDS * ENTRIES_PER_SHARD_MAX && networks <= SHARDS * ENTRIES_PER_SHARD_MAX);
    (many..many + 10_000).for_each(|number| lock(number, 3 * LOCK_MS));
    let (people, networks) = count(&limits);
    assert!(people <= 20_000 && networks <= 20_000, "{people} {networks}");
}

fn count(limits: &HoldLimits) -> (usize, usize) {
    let people = limits.people.0.iter().map(|part| part.lock().unwrap().entries.len()).sum();
    let networks = limits.networks.0.iter().map(|part| part.lock().unwrap().entries.len()).sum();
    (people, networks)
}
