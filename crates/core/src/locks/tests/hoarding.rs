//! The limits against hoarding, on single cases and over random histories of one greedy person.

use std::collections::BTreeMap;

use proptest::prelude::*;
use uuid::Uuid;

use super::seats_of;
use crate::{
    ids::{ScreeningId, SeatId},
    locks::{HeldSeat, HoardingRules, Hold, LET_GO_SEATS_MAX, LET_GO_UNLIMITED, Millis, PersonHolds},
};

const LOCK_MS: Millis = 300_000;
const PER_PERSON: usize = 10;
const RULES: HoardingRules =
    HoardingRules { seats_everywhere_max: 20, let_go_max: 2, lock_ms: LOCK_MS, payment_ms: LOCK_MS };

fn screening(number: u128) -> ScreeningId {
    ScreeningId::from_uuid(Uuid::from_u128(number))
}

fn hold(seq: u64, names: &str, until: Millis) -> Hold {
    Hold { seq, seats: seats_of(names).into_iter().map(|id| HeldSeat { id, until }).collect(), payment: None }
}

/// One person, and a lock store without other people.
#[derive(Default)]
struct Buyer {
    holds: PersonHolds,
    locks: BTreeMap<(ScreeningId, SeatId), Millis>,
    seq: u64,
}

#[derive(Debug, PartialEq)]
enum Answer {
    Held,
    TooMany,
    LetGoTooOften(Vec<SeatId>),
}

impl Buyer {
    fn hold_at(&self, at: ScreeningId, now: Millis) -> Hold {
        let here = self.locks.iter().filter(|((screening, _), until)| *screening == at && **until > now);
        let seats = here.map(|((_, id), until)| HeldSeat { id: *id, until: *until }).collect();
        Hold { seq: self.seq, seats, payment: None }
    }

    fn lock(&mut self, at: ScreeningId, names: &str, now: Millis) -> Answer {
        let wanted = seats_of(names);
        let limits = self.holds.begin_lock(at, &wanted, PER_PERSON, now, &RULES);
        let held = self.hold_at(at, now).seats;
        let new: Vec<SeatId> =
            wanted.iter().filter(|seat| !held.iter().any(|held| held.id == **seat)).copied().collect();
        if !new.is_empty() && held.len() + new.len() > limits.seats_max {
            self.holds.finish_refused(at, &limits, now);
            return Answer::TooMany;
        }
        if !limits.let_go_too_often.is_empty() {
            self.holds.finish_refused(at, &limits, now);
            return Answer::LetGoTooOften(limits.let_go_too_often.to_vec());
        }
        self.seq += 1;
        self.locks.extend(new.into_iter().map(|seat| ((at, seat), now + LOCK_MS)));
        let hold = self.hold_at(at, now);
        self.holds.finish_held(at, &limits, &hold, now, &RULES);
        Answer::Held
    }

    fn release(&mut self, at: ScreeningId, now: Millis) {
        self.seq += 1;
        self.locks.retain(|(screening, _), _| *screening != at);
        self.holds.note(at, &self.hold_at(at, now), now, &RULES);
    }

    fn held(&self, now: Millis) -> usize {
        self.locks.values().filter(|until| **until > now).count()
    }
}

#[test]
fn seats_of_all_screenings_together_are_limited() {
    let mut ann = Buyer::default();
    let ten = "A1 A2 A3 A4 A5 A6 A7 A8 A9 A10";
    assert_eq!(ann.lock(screening(1), ten, 0), Answer::Held);
    assert_eq!(ann.lock(screening(2), ten, 1), Answer::Held);
    assert_eq!(ann.lock(screening(3), "A1", 2), Answer::TooMany);
    assert_eq!(ann.lock(screening(2), "A1 A2", 2), Answer::Held, "held seats stay held");
    ann.release(screening(1), 3);
    assert_eq!(ann.lock(screening(3), "A1", 4), Answer::Held, "after a release");
    let later = LOCK_MS + 10;
    assert_eq!(ann.lock(screening(4), ten, later), Answer::Held, "after the locks have expired");
}

#[test]
fn concurrent_calls_cannot_exceed_the_limit_together() {
    let mut holds = PersonHolds::default();
    let wanted = seats_of("A1 A2 A3 A4 A5 A6 A7 A8");
    let most: Vec<usize> =
        (1..=4).map(|number| holds.begin_lock(screening(number), &wanted, PER_PERSON, 0, &RULES).seats_max).collect();
    assert_eq!(most, [10, 10, 4, 0], "8 and 8 seats are on their way; the third call may get the last four");
}

#[test]
fn call_with_an_unknown_outcome_counts_until_a_reply_shows_the_hold() {
    let mut holds = PersonHolds::default();
    let wanted = seats_of("A1 A2");
    let limits = holds.begin_lock(screening(1), &wanted, PER_PERSON, 0, &RULES);
    holds.finish_unknown(screening(1), &limits, &wanted, 0, &RULES);
    let elsewhere = |holds: &PersonHolds, now| {
        holds.clone().begin_lock(screening(2), &wanted, PER_PERSON, now, &RULES).held_elsewhere
    };
    assert_eq!(elsewhere(&holds, 1), 2);
    assert_eq!((elsewhere(&holds, 29_999), elsewhere(&holds, 30_000)), (2, 0), "for half a minute");
    holds.note(screening(1), &hold(1, "", 0), 2, &RULES);
    assert_eq!(elsewhere(&holds, 3), 0);
    holds.expire(10_002, &RULES);
    assert!(holds.is_empty(), "and nothing was let go: {holds:?}");
}

#[test]
fn older_hold_does_not_replace_a_newer_one() {
    let mut holds = PersonHolds::default();
    holds.note(screening(1), &hold(7, "A1 A2", LOCK_MS), 0, &RULES);
    holds.note(screening(1), &hold(6, "A1", LOCK_MS), 0, &RULES);
    let limits = holds.begin_lock(screening(2), &seats_of("A1"), PER_PERSON, 1, &RULES);
    assert_eq!(limits.held_elsewhere, 2);
}

/// The seats are gone when the reply of an older call arrives.
#[test]
fn older_hold_brings_back_no_seats_that_were_released_or_have_expired() {
    let mut holds = PersonHolds::default();
    holds.note(screening(1), &hold(7, "A1 A2", LOCK_MS), 0, &RULES);
    holds.note(screening(1), &hold(8, "", 0), 1, &RULES);
    holds.note(screening(1), &hold(7, "A1 A2", LOCK_MS), 2, &RULES);
    assert_eq!((holds.held_until(), holds.count_let_go()), (None, 2));
    holds.note(screening(2), &hold(9, "A1", LOCK_MS), 3, &RULES);
    holds.note(screening(2), &hold(9, "A1", LOCK_MS), LOCK_MS, &RULES);
    assert_eq!(holds.held_until(), None);
}

#[test]
fn seat_that_was_released_twice_is_refused_for_one_lock_time() {
    let (mut ann, at) = (Buyer::default(), screening(1));
    for now in [0, 2_000] {
        assert_eq!(ann.lock(at, "A1", now), Answer::Held);
        ann.release(at, now + 1_000);
    }
    let refused = Answer::LetGoTooOften(seats_of("A1"));
    assert_eq!(ann.lock(at, "A1 A2", 4_000), refused, "all or none");
    assert_eq!(ann.lock(at, "A2", 4_000), Answer::Held, "another seat");
    assert_eq!(ann.lock(screening(2), "A1", 4_000), Answer::Held, "another screening");
    assert_eq!(ann.lock(at, "A1", 3_000 + LOCK_MS - 1), refused);
    assert_eq!(ann.lock(at, "A1", 3_000 + LOCK_MS), Answer::Held);
}

#[test]
fn seat_whose_lock_expired_once_may_be_locked_again_and_is_refused_after_the_second_expiry() {
    let (mut ann, at) = (Buyer::default(), screening(1));
    assert_eq!(ann.lock(at, "A1", 0), Answer::Held);
    assert_eq!(ann.lock(at, "A1", LOCK_MS), Answer::Held, "expired once");
    assert_eq!(ann.lock(at, "A1", 2 * LOCK_MS), Answer::LetGoTooOften(seats_of("A1")));
    assert_eq!(ann.lock(at, "A1", 3 * LOCK_MS), Answer::Held, "left alone for one lock time");
}

/// The lock store may run a call after the lock has expired that was noted when the call began.
#[test]
fn second_renewal_is_refused_already_in_the_last_second_of_the_lock() {
    let (mut ann, at) = (Buyer::default(), screening(1));
    assert_eq!(ann.lock(at, "A1", 0), Answer::Held);
    assert_eq!(ann.lock(at, "A1", LOCK_MS - 1), Answer::Held, "it was never let go");
    assert_eq!(ann.lock(at, "A1", LOCK_MS), Answer::Held, "expired once");
    assert_eq!(ann.lock(at, "A1", 2 * LOCK_MS - 1_001), Answer::Held, "still locked");
    assert_eq!(ann.lock(at, "A1", 2 * LOCK_MS - 1_000), Answer::LetGoTooOften(seats_of("A1")));
    assert_eq!(ann.lock(at, "A2", 2 * LOCK_MS - 1), Answer::Held, "another seat");
}

#[test]
fn seat_left_alone_for_one_lock_time_counts_as_never_let_go() {
    let (mut ann, at) = (Buyer::default(), screening(1));
    for round in 0..5 {
        let now = round * (LOCK_MS + 2_000);
        assert_eq!(ann.lock(at, "A1", now), Answer::Held, "round {round}");
        ann.release(at, now + 1_000);
    }
}

#[test]
fn bought_seats_are_neither_held_nor_let_go() {
    let (mut ann, at) = (Buyer::default(), screening(1));
    assert_eq!(ann.lock(at, "A1 A2", 0), Answer::Held);
    ann.release(at, 1);
    assert_eq!(ann.lock(at, "A1 A2", 2), Answer::Held);
    ann.holds.sold(at, &seats_of("A1 A2"), 3);
    assert_eq!((ann.holds.held_until(), ann.holds.count_let_go()), (None, 0));
    ann.seq += 100;
    ann.holds.note(at, &ann.hold_at(at, 2), 4, &RULES);
    assert_eq!(ann.holds.held_until(), None, "a hold that was read before the sale and arrives after it");
    ann.holds.expire(10_004, &RULES);
    assert!(ann.holds.is_empty(), "{:?}", ann.holds);
}

#[test]
fn noted_times_are_limited_when_the_clock_is_set_back() {
    let hour = 3_600_000;
    let (mut ann, at) = (Buyer::default(), screening(1));
    assert_eq!(ann.lock(at, "A1", hour), Answer::Held);
    ann.holds.expire(0, &RULES);
    assert_eq!(ann.holds.held_until(), Some(LOCK_MS));
    ann.holds.expire(LOCK_MS, &RULES);
    assert_eq!(ann.holds.held_until(), None);
    ann.holds.expire(2 * LOCK_MS, &RULES);
    assert!(ann.holds.is_empty(), "{:?}", ann.holds);
}

#[test]
fn locks_that_the_lock_store_has_lost_are_neither_held_nor_let_go() {
    let mut holds = PersonHolds::default();
    holds.note(screening(1), &hold(7, "A1 A2", LOCK_MS), 0, &RULES);
    holds.note(screening(1), &Hold::default(), 1, &RULES);
    assert_eq!((holds.held_until(), holds.count_let_go()), (None, 0));
}

#[test]
fn lifted_limit_refuses_no_seat_however_many_were_let_go() {
    let rules = HoardingRules { let_go_max: LET_GO_UNLIMITED, ..RULES };
    let mut holds = PersonHolds::default();
    for number in 1..=2 * LET_GO_SEATS_MAX {
        let wanted = seats_of(&format!("A{}", number % 90 + 1));
        let limits = holds.begin_lock(screening(1), &wanted, PER_PERSON, 0, &rules);
        assert!(limits.let_go_too_often.is_empty(), "{number}");
        let seq = u64::try_from(number).unwrap() * 2;
        holds.finish_held(screening(1), &limits, &hold(seq, &format!("A{}", number % 90 + 1), LOCK_MS), 0, &rules);
        holds.note(screening(1), &hold(seq + 1, "", 0), 0, &rules);
    }
}

#[test]
fn number_of_remembered_seats_is_limited() {
    let (mut ann, at) = (Buyer::default(), screening(1));
    for number in 1..=LET_GO_SEATS_MAX {
        assert_eq!(ann.lock(at, &format!("A{number}"), 0), Answer::Held);
        ann.release(at, 0);
    }
    assert_eq!(ann.holds.count_let_go(), LET_GO_SEATS_MAX);
    assert_eq!(ann.lock(at, "B1", 1), Answer::LetGoTooOften(seats_of("B1")), "its end could not be remembered");
    assert_eq!(ann.lock(at, "A1", 1), Answer::Held, "a remembered one");
    ann.release(at, 2);
    assert_eq!(
        ann.lock(at, "A1", 3),
        Answer::LetGoTooOften(seats_of("A1")),
        "no number of other seats makes it forgotten"
    );
    assert_eq!(ann.lock(at, "B1", LOCK_MS), Answer::Held, "after one lock time");
}

#[derive(Clone, Debug)]
enum Step {
    Wait(Millis),
    Lock(u128, Vec<u8>),
    Release(u128),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => prop_oneof![1..2_000i64, LOCK_MS - 2_000..LOCK_MS + 2_000].prop_map(Step::Wait),
        4 => (1..=4u128, proptest::collection::vec(1..=24u8, 1..=10)).prop_map(|(at, seats)| Step::Lock(at, seats)),
        2 => (1..=4u128).prop_map(Step::Release),
    ]
}

/// How often a seat was locked without a pause of one lock time before it, and when its last lock ended or ends.
type Chain = (u32, Millis);

proptest! {
    #[test]
    fn nobody_holds_more_than_the_limit_or_one_seat_without_a_pause(steps in proptest::collection::vec(step(), 1..120)) {
        let (mut ann, mut now) = (Buyer::default(), 1_000);
        let mut chains: BTreeMap<(ScreeningId, SeatId), Chain> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Wait(ms) => now += ms,
                Step::Release(at) => {
                    for held in ann.hold_at(screening(at), now).seats {
                        chains.entry((screening(at), held.id)).and_modify(|chain| chain.1 = now);
                    }
                    ann.release(screening(at), now);
                }
                Step::Lock(at, numbers) => {
                    let mut names: Vec<String> = numbers.iter().map(|number| format!("A{number}")).collect();
                    names.sort_unstable();
                    names.dedup();
                    let before = ann.hold_at(screening(at), now).seats;
                    let answer = ann.lock(screening(at), &names.join(" "), now);
                    let is_mine = |seat: &SeatId| before.iter().any(|held| held.id == *seat);
                    let new = seats_of(&names.join(" ")).into_iter().filter(|seat| !is_mine(seat));
                    let paused = |chain: &Chain| now >= chain.1 + LOCK_MS;
                    match answer {
                        Answer::Held => for seat in new {
                            let chain = chains.entry((screening(at), seat)).or_insert((0, now));
                            let renewals = if paused(chain) { 0 } else { chain.0 };
                            *chain = (renewals + 1, now + LOCK_MS);
                            prop_assert!(chain.0 <= RULES.let_go_max, "{seat} is held for the {} time", chain.0);
                        },
                        Answer::LetGoTooOften(seats) => for seat in seats {
                            let chain = chains.get(&(screening(at), seat)).copied().unwrap_or_default();
                            let is_full = ann.holds.count_let_go() == LET_GO_SEATS_MAX;
                            let is_renewed = !paused(&chain) && chain.0 >= RULES.let_go_max;
                            prop_assert!(is_full || is_renewed, "{seat}: {chain:?}");
                        },
                        Answer::TooMany => {}
                    }
                }
            }
            prop_assert!(ann.held(now) <= RULES.seats_everywhere_max);
        }
    }
}
