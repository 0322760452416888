//! Invariants over random histories of several people at one screening.

use std::collections::BTreeMap;

use proptest::prelude::*;
use smallvec::SmallVec;
use uuid::Uuid;

use super::scene::{PAYMENT_TTL, TTL, payment, person};
use crate::{
    ids::{PersonId, ScreeningId, SeatId},
    locks::{
        ClaimedSeat, Effects, Hold, LoadReply, LockReply, Millis, ReleaseReply, SeatBoard, SeatStatus, SeatTruth,
        StartReply, WithdrawReply,
        transaction::{Lock, Seat},
    },
};

const PEOPLE: [char; 3] = ['a', 'b', 'c'];
const SEATS: u8 = 6;
const SEATS_MAX: usize = 3;
/// Payment numbers are drawn from 1 to this. There are few, so that people also use each other's payments.
const PAYMENTS: u128 = 4;

#[derive(Clone, Debug)]
enum Call {
    Lock { who: char, seats: Vec<SeatId>, not_for_sale: Vec<SeatId> },
    Release { who: char, seats: Option<Vec<SeatId>> },
    Start { who: char, payment: u128 },
    Keep { who: char, payment: u128, seats: Vec<SeatId> },
    End { who: char, payment: u128 },
    Sell { payment: u128, seats: Vec<SeatId> },
    Free { seats: Vec<SeatId> },
    Withdraw { seats: Vec<SeatId> },
    Restore { seats: Vec<SeatId> },
    Load { is_stale: bool, sold: Vec<SeatId>, claims: Vec<(SeatId, char, u128)>, withdrawn: Vec<SeatId> },
    Sweep,
}

fn seat() -> impl Strategy<Value = SeatId> {
    (1..=SEATS).prop_map(|number| SeatId::new("A", number).expect("a seat"))
}

fn seats(max: usize) -> impl Strategy<Value = Vec<SeatId>> {
    proptest::collection::vec(seat(), 0..=max)
}

fn call() -> impl Strategy<Value = Call> {
    let who = || prop::sample::select(&PEOPLE[..]);
    let number = || 1..=PAYMENTS;
    prop_oneof![
        8 => (who(), seats(4), seats(1)).prop_map(|(who, seats, not)| Call::Lock { who, seats, not_for_sale: not }),
        3 => (who(), prop::option::of(seats(3))).prop_map(|(who, seats)| Call::Release { who, seats }),
        4 => (who(), number()).prop_map(|(who, payment)| Call::Start { who, payment }),
        2 => (who(), number(), seats(3)).prop_map(|(who, payment, seats)| Call::Keep { who, payment, seats }),
        3 => (who(), number()).prop_map(|(who, payment)| Call::End { who, payment }),
        2 => (number(), seats(3)).prop_map(|(payment, seats)| Call::Sell { payment, seats }),
        2 => seats(3).prop_map(|seats| Call::Free { seats }),
        1 => seats(2).prop_map(|seats| Call::Withdraw { seats }),
        1 => seats(2).prop_map(|seats| Call::Restore { seats }),
        2 => (any::<bool>(), seats(3), proptest::collection::vec((seat(), who(), number()), 0..=3), seats(1))
            .prop_map(|(is_stale, sold, claims, withdrawn)| Call::Load { is_stale, sold, claims, withdrawn }),
        3 => Just(Call::Sweep),
    ]
}

/// Random calls, each with the milliseconds since the one before. Sometimes the clock steps back.
fn history() -> impl Strategy<Value = Vec<(Millis, Call)>> {
    let step = prop_oneof![6 => 0..60i64, 2 => 200..400i64, 1 => 400..900i64, 1 => -50..0i64];
    proptest::collection::vec((step, call()), 1..80)
}

/// Makes a call on the seat map and checks its reply.
fn act(board: &mut SeatBoard, now: Millis, call: &Call) -> Effects {
    let was_paying = |who: char| board.payment_of(now, person(who));
    match call {
        Call::Lock { who, seats, not_for_sale } => {
            let paying = was_paying(*who);
            let (reply, effects) = board.lock(now, person(*who), seats, not_for_sale, TTL, SEATS_MAX);
            match reply {
                LockReply::Held(hold) => {
                    assert!(paying.is_none(), "a paying person changes no seats");
                    assert!(seats.iter().all(|seat| hold.seats.iter().any(|held| held.id == *seat)), "all of them");
                    assert!(hold.seats.iter().all(|held| held.until > now), "and none expired");
                    assert_eq!(hold, board.hold_of(now, person(*who)));
                }
                LockReply::Taken(taken) => {
                    assert!(!taken.is_empty() && taken.iter().all(|seat| seats.contains(seat)));
                    assert!(effects.is_empty(), "nothing changed");
                }
                LockReply::Paying(lock) => assert!(effects.is_empty() && paying == Some(lock)),
                LockReply::TooMany | LockReply::NotLoaded { .. } => assert!(effects.is_empty(), "nothing changed"),
            }
            effects
        }
        Call::Release { who, seats } => {
            let paying = was_paying(*who);
            let (reply, effects) = board.release(now, person(*who), seats.as_deref());
            match reply {
                ReleaseReply::Left(hold) => {
                    let is_left = |seat: &SeatId| hold.seats.iter().any(|held| held.id == *seat);
                    assert!(paying.is_none(), "a paying person changes no seats");
                    assert!(seats.as_ref().map_or(hold.seats.is_empty(), |seats| !seats.iter().any(is_left)));
                }
                ReleaseReply::Paying(lock) => assert!(effects.is_empty() && paying == Some(lock)),
            }
            effects
        }
        Call::Start { who, payment: number } => {
            let paying = was_paying(*who);
            let (reply, effects) = board.start_payment(now, person(*who), payment(*number), PAYMENT_TTL);
            match reply {
                StartReply::Started(hold) => {
                    assert!(!hold.seats.is_empty());
                    assert_eq!(hold.payment, Some(payment(*number)));
                    let lock = board.payment_of(now, person(*who)).expect("a payment lock");
                    let is_new = paying.is_none();
                    assert!(!is_new || hold.expires_at() == Some(lock.until), "it ends with the first of its seats");
                }
                StartReply::Paying(lock) => assert!(effects.is_empty() && paying == Some(lock)),
                StartReply::NothingHeld | StartReply::NotLoaded { .. } => assert!(effects.is_empty()),
            }
            effects
        }
        Call::Keep { who, payment: number, seats } => {
            board.extend_payment(now, person(*who), payment(*number), seats, now + 3 * TTL)
        }
        Call::End { who, payment: number } => {
            let other = was_paying(*who).filter(|lock| lock.payment != payment(*number));
            let effects = board.end_payment(now, person(*who), payment(*number));
            let stands = board.payment_of(now, person(*who));
            assert_eq!(stands, other, "only its own id ends it");
            effects
        }
        Call::Sell { payment: number, seats } => {
            let effects = board.mark_sold(now, payment(*number), seats);
            assert!(seats.iter().all(|seat| board.seats.get(seat) == Some(&Seat::Sold)));
            effects
        }
        Call::Free { seats } => board.mark_freed(now, seats),
        Call::Withdraw { seats } => {
            let (reply, effects) = board.withdraw(now, seats);
            match reply {
                WithdrawReply::Withdrawn => {
                    assert!(seats.iter().all(|seat| board.seats.get(seat) == Some(&Seat::Withdrawn)), "all of them");
                }
                WithdrawReply::Taken(taken) => {
                    assert!(!taken.is_empty() && taken.iter().all(|seat| seats.contains(seat)));
                    assert!(effects.is_empty(), "nothing changed");
                }
                WithdrawReply::NotLoaded { .. } => assert!(effects.is_empty(), "nothing changed"),
            }
            effects
        }
        Call::Restore { seats } => {
            let effects = board.restore_to_sale(now, seats);
            assert!(seats.iter().all(|seat| board.seats.get(seat) != Some(&Seat::Withdrawn)));
            effects
        }
        Call::Load { is_stale, sold, claims, withdrawn } => {
            let claim = |&(id, who, number): &(SeatId, char, u128)| {
                let (holder, payment) = (person(who), payment(number));
                ClaimedSeat { id, holder, payment, until: now + PAYMENT_TTL, extended_from: None }
            };
            let claimed = claims.iter().map(claim).collect();
            let truth = SeatTruth { sold: sold.clone(), claimed, withdrawn: withdrawn.clone() };
            let expected = board.seq() - u64::from(*is_stale && board.seq() > 0);
            let (reply, effects) = board.load(now, expected, &truth);
            if let LoadReply::Moved { .. } = reply {
                assert!(*is_stale && effects.is_empty());
            }
            effects
        }
        Call::Sweep => {
            let effects = board.sweep(now);
            assert!(board.next_expiry().is_none_or(|until| until > now), "a sweep leaves no expired lock");
            effects
        }
    }
}

/// Compares the changes of seats with the releases that the call recorded.
fn check_releases(before: &SeatBoard, after: &SeatBoard, now: Millis, call: &Call, effects: &Effects) {
    let mut owed: BTreeMap<(PersonId, SeatId), usize> = BTreeMap::new();
    for (id, seat) in &before.seats {
        let Seat::Locked(was) = seat else { continue };
        let is_over = was.until <= now;
        let owes = match after.seats.get(id) {
            Some(Seat::Locked(lock)) if lock.holder == was.holder => is_over && lock != was,
            // A sale, or a loaded claim of another person, removes a valid lock without a release.
            Some(Seat::Sold) => is_over,
            // A withdrawal by the ledger releases a valid lock.
            Some(Seat::Withdrawn) => true,
            Some(Seat::Locked(_)) if matches!(call, Call::Load { .. }) => is_over,
            Some(Seat::Locked(_)) | None => true,
        };
        if owes {
            owed.insert((was.holder, *id), 1);
        }
    }
    let mut written: BTreeMap<(PersonId, SeatId), usize> = BTreeMap::new();
    for release in &effects.releases {
        assert_eq!((release.screening, release.seq, release.at), (after.screening, after.seq, now));
        assert!(!release.seats.is_empty());
        for seat in &release.seats {
            *written.entry((release.holder, *seat)).or_default() += 1;
        }
    }
    assert_eq!(written, owed, "exactly one release for every lock that ended without a sale");
}

fn check_index(board: &SeatBoard) {
    let mut holds: BTreeMap<PersonId, SmallVec<[SeatId; 8]>> = BTreeMap::new();
    for (id, seat) in &board.seats {
        if let Seat::Locked(Lock { holder, .. }) = seat {
            holds.entry(*holder).or_default().push(*id);
        }
    }
    assert_eq!(board.holds, holds, "the index by holder");
}

fn seats_in(board: &SeatBoard, state: Seat) -> Vec<SeatId> {
    board.seats.iter().filter(|(_, seat)| **seat == state).map(|(id, _)| *id).collect()
}

/// The hold that each person's own devices show when they receive only published holds.
#[derive(Clone, Default)]
struct Devices(BTreeMap<PersonId, Hold>);

impl Devices {
    fn take(&mut self, effects: &Effects) {
        for change in effects.live.iter().flat_map(|live| live.holds.iter().flatten()) {
            let seq = effects.live.as_ref().map_or(0, |live| live.seq);
            assert_eq!(change.hold.seq, seq, "a hold carries the number of its change");
            self.0.insert(change.holder, change.hold.clone());
        }
    }

    /// Checks that the published holds equal those of the seat map. Sweeps first, because an expiry is published by a
    /// sweep.
    fn check(&self, board: &SeatBoard, now: Millis) {
        let (mut board, mut devices) = (board.clone(), self.clone());
        devices.take(&board.sweep(now));
        for who in PEOPLE.map(person) {
            let shown = devices.0.get(&who).cloned().unwrap_or_default();
            let hold = board.hold_of(now, who);
            assert_eq!(
                (shown.seats, shown.payment),
                (hold.seats, hold.payment),
                "a change of a hold was not published"
            );
        }
    }
}

/// The seat map that a viewer shows who receives only live changes.
#[derive(Default)]
struct Viewer {
    seq: u64,
    shows: BTreeMap<SeatId, SeatStatus>,
}

impl Viewer {
    fn take(&mut self, effects: &Effects, was_loaded: bool, board: &SeatBoard) {
        if let Some(live) = &effects.live {
            if was_loaded {
                assert_eq!(live.prev, self.seq, "no gap");
            } else if board.loaded {
                assert!(live.prev > self.seq, "loading is a gap");
            }
            assert!(live.seq > live.prev);
            for change in &live.changes {
                match change.status {
                    SeatStatus::Available => self.shows.remove(&change.id),
                    status @ (SeatStatus::Locked { .. } | SeatStatus::Booked | SeatStatus::Unavailable) => {
                        self.shows.insert(change.id, status)
                    }
                };
            }
        }
        let Some(snapshot) = board.snapshot() else {
            self.seq = board.seq;
            return;
        };
        let map: BTreeMap<SeatId, SeatStatus> = snapshot.seats.iter().map(|c| (c.id, c.status)).collect();
        assert_eq!(self.shows, map, "live changes give the next map exactly");
        self.seq = snapshot.seq;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, ..ProptestConfig::default() })]

    #[test]
    fn lock_rules_hold_over_random_histories(history in history(), starts_loaded in any::<bool>()) {
        let screening = ScreeningId::from_uuid(Uuid::from_u128(1));
        let mut now = 10_000;
        let mut board = SeatBoard::new(screening);
        if starts_loaded {
            board.load(now, 0, &SeatTruth::default());
        }
        let mut viewer = Viewer { seq: board.seq, ..Viewer::default() };
        let (mut devices, mut latest) = (Devices::default(), now);
        let mut replica = SeatBoard::new(screening);
        for (step, call) in history {
            now += step;
            let before = board.clone();
            let effects = act(&mut board, now, &call);

            let mut undone = board.clone();
            undone.undo(effects.clone());
            prop_assert_eq!(&undone, &before, "undo restores the state before the call");

            prop_assert!(board.seq >= before.seq);
            prop_assert!(effects.live.is_none() || board.seq >= u64::try_from(now).unwrap());
            check_index(&board);
            check_releases(&before, &board, now, &call, &effects);
            viewer.take(&effects, before.loaded, &board);
            devices.take(&effects);
            latest = latest.max(now);
            if now == latest {
                devices.check(&board, now);
            }

            replica.restore(board.seq, board.entries_after(&effects));
            prop_assert!(replica.entries().eq(board.entries()), "persisted call by call");
            let mut restarted = SeatBoard::new(screening);
            restarted.restore(board.seq, board.entries());
            if board.loaded {
                let (sold, withdrawn) = (seats_in(&board, Seat::Sold), seats_in(&board, Seat::Withdrawn));
                let truth = SeatTruth { sold, withdrawn, ..SeatTruth::default() };
                restarted.load(now, board.seq, &truth);
                prop_assert_eq!(restarted.snapshot().map(|s| s.seats), board.snapshot().map(|s| s.seats));
            }
            prop_assert!(restarted.entries().eq(board.entries()), "persisted as a whole");
        }
    }
}
