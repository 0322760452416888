//! Loading seat maps from the ledger, and restoring persisted ones.

use expect_test::expect;
use uuid::Uuid;

use super::{
    check,
    scene::{SEATS_MAX, TTL, payment, person},
    seats_of,
};
use crate::{
    ids::ScreeningId,
    locks::{ClaimedSeat, LoadReply, LockReply, PaymentLock, SeatBoard, SeatTruth, StartReply},
};

fn new_board() -> SeatBoard {
    SeatBoard::new(ScreeningId::from_uuid(Uuid::from_u128(1)))
}

#[test]
fn unloaded_seat_map_refuses_locks_as_not_loaded() {
    let mut board = new_board();
    let (reply, effects) = board.lock(1_000, person('a'), &seats_of("A1"), &[], TTL, SEATS_MAX);
    assert_eq!(reply, LockReply::NotLoaded { seq: 0 });
    assert!(effects.is_empty());
    let (reply, _) = board.start_payment(1_000, person('a'), payment(1), TTL);
    assert_eq!(reply, StartReply::NotLoaded { seq: 0 });
    assert_eq!((board.snapshot(), board.count_taken()), (None, None));
    assert_eq!(board.load(1_000, 0, &SeatTruth::default()).0, LoadReply::Loaded);
    assert_eq!(board.snapshot().map(|snapshot| snapshot.seq), Some(1_000));
    assert_eq!(board.count_taken(), Some(0));
}

/// Locks may have been lost with the map, so a viewer of the map before the loss must request a new snapshot. The gap
/// in the sequence numbers makes it do so.
#[test]
fn first_load_of_a_seat_map_leaves_a_gap_in_the_sequence_numbers() {
    let mut board = new_board();
    let sold = SeatTruth { sold: seats_of("A1"), ..SeatTruth::default() };
    let (_, effects) = board.load(1_000, 0, &sold);
    let live = effects.live.expect("a change");
    assert_eq!((live.prev, live.seq), (1_000, 1_001));
}

#[test]
fn load_of_a_seat_map_is_refused_when_its_sequence_has_moved() {
    check(
        "A: a..",
        |s| s.load(999, "A1", &[]),
        expect![[r#"
        A: a..
        moved to 1000"#]],
    );
    let mut board = new_board();
    board.mark_sold(1_000, payment(1), &seats_of("A1"));
    assert_eq!(board.load(1_000, 0, &SeatTruth::default()).0, LoadReply::Moved { seq: 1_000 });
    let mut board = new_board();
    board.mark_freed(1_000, &seats_of("A1"));
    assert_eq!(board.load(1_000, 0, &SeatTruth::default()).0, LoadReply::Moved { seq: 1_000 });
}

#[test]
fn reload_of_a_seat_map_corrects_differences_and_keeps_other_locks() {
    check(
        "A: a#b#.",
        |s| s.load(1_001, "A2 A3 A5", &[]),
        expect![[r#"
            A: a##.#
            loaded, at 1002
            viewers 1001 -> 1002: A4 free A3 booked A5 booked
            to b: nothing"#]],
    );
    check(
        "A: a#b#.",
        |s| s.load(1_001, "A2 A4", &[]),
        expect![[r#"
        A: a#b#.
        loaded, at 1001"#]],
    );
}

#[test]
fn claimed_seats_are_locked_for_their_payment_when_the_map_is_loaded() {
    check(
        "A: ....",
        |s| s.at(1_500).load(1, "", &[('a', 1, "A1 A2")]),
        expect![[r#"
            A: AA..
            loaded, at 1500
            viewers 1 -> 1500: A1 locked until 2000 A2 locked until 2000
            to a: A1@2000 A2@2000 paying 1"#]],
    );
    check(
        "A: .aa.",
        |s| s.at(1_100).load(1_000, "", &[('a', 1, "A2 A3")]),
        expect![[r#"
            A: .AA.
            loaded, at 1100
            viewers 1000 -> 1100: A2 locked until 2000 A3 locked until 2000
            to a: A2@2000 A3@2000 paying 1"#]],
    );
    check(
        "A: .AA.",
        |s| s.at(1_100).load(1_001, "", &[('a', 1, "A2 A3")]),
        expect![[r#"
            A: .AA.
            loaded, at 1100
            viewers 1001 -> 1100: A2 locked until 2000 A3 locked until 2000
            to a: A2@2000 A3@2000 paying 1"#]],
    );
    check(
        "A: .bb.",
        |s| s.at(1_100).load(1_000, "", &[('a', 1, "A2")]),
        expect![[r#"
            A: .Ab.
            loaded, at 1100
            viewers 1000 -> 1100: A2 locked until 2000
            to a: A2@2000 paying 1
            to b: A3@1300"#]],
    );
    check(
        "A: .bb.",
        |s| s.at(1_300).load(1_000, "", &[('a', 1, "A2")]),
        expect![[r#"
            A: .A~.
            loaded, at 1300
            release of b: [A2] expired at 1300, seq 1300
            viewers 1000 -> 1300: A2 locked until 2000
            to a: A2@2000 paying 1
            to b: nothing"#]],
    );
    check(
        "A: ..#.",
        |s| s.at(1_100).load(2, "A3", &[('a', 1, "A3")]),
        expect![[r#"
        A: ..#.
        loaded, at 2"#]],
    );
    check(
        "A: ....",
        |s| s.at(2_000).load(1, "", &[('a', 1, "A1")]),
        expect![[r#"
        A: ....
        loaded, at 1"#]],
    );
}

/// A reload of a map with a CONFIRMING payment publishes nothing and leaves the payment lock as it is.
#[test]
fn reload_with_the_claim_of_the_payment_that_has_the_lock_changes_nothing() {
    check(
        "A: AA.",
        |s| {
            s.at(1_100).keep('a', 1, "A1 A2", 9_000);
            let before = s.board.payment_of(s.now, person('a'));
            let said = s.at(1_200).load(1_100, "", &[('a', 1, "A1 A2")]);
            assert_eq!(s.board.payment_of(s.now, person('a')), before);
            said
        },
        expect![[r#"
            A: AA.
            loaded, at 1100"#]],
    );
    // A claim of another payment of the person replaces the payment lock.
    check(
        "A: AA.",
        |s| {
            s.at(1_100).keep('a', 1, "A1 A2", 9_000);
            s.at(1_200).load(1_100, "", &[('a', 2, "A1 A2")]);
            let lock = s.board.payment_of(s.now, person('a')).expect("a payment lock");
            assert_eq!(lock, PaymentLock { payment: payment(2), since: 1_200, until: 2_000, extended_from: None });
            s.start('a', 1)
        },
        expect![[r#"
            A: AA.
            paying until 2000"#]],
    );
}

#[test]
fn loaded_claim_of_a_confirming_payment_returns_to_its_own_expiry() {
    let mut board = new_board();
    let id = seats_of("A1")[0];
    let claim = ClaimedSeat { id, holder: person('a'), payment: payment(1), until: 9_000, extended_from: Some(1_500) };
    board.load(1_000, 0, &SeatTruth { claimed: vec![claim], ..SeatTruth::default() });
    assert_eq!(board.hold_of(1_000, person('a')).expires_at(), Some(9_000));
    board.end_payment(1_100, person('a'), payment(1));
    assert_eq!(board.hold_of(1_100, person('a')).expires_at(), Some(1_500));
}

#[test]
fn restoring_locks_never_decreases_the_sequence_number() {
    let mut board = new_board();
    board.restore(7_000, []);
    board.restore(6_000, []);
    assert_eq!(board.seq(), 7_000);
}

#[test]
fn restored_map_is_unloaded_and_has_the_same_locks() {
    check(
        "A: aB#c",
        |s| {
            let mut again = new_board();
            again.restore(s.board.seq(), s.board.entries());
            let reply = again.load(s.now, s.board.seq(), &SeatTruth { sold: seats_of("A3"), ..SeatTruth::default() }).0;
            assert_eq!(reply, LoadReply::Loaded);
            assert_eq!(again.entries().collect::<Vec<_>>(), s.board.entries().collect::<Vec<_>>());
            s.board = again;
            s.start('a', 5)
        },
        expect![[r#"
            A: AB#c
            started A1@1500 paying 5
            viewers 1005 -> 1006: A1 locked until 1500
            to a: A1@1500 paying 5"#]],
    );
}

#[test]
fn sweep_releases_expired_restored_locks_before_the_map_is_loaded() {
    check(
        "A: aB#.",
        |s| {
            let mut again = new_board();
            again.restore(s.board.seq(), s.board.entries());
            s.board = again;
            s.at(5_000).sweep()
        },
        expect![[r#"
            A: ....
            swept
            release of a: [A1] expired at 5000, seq 5000
            release of b: [A2] expired at 5000, seq 5000
            viewers 1002 -> 5000: A1 free A2 free
            to a: nothing
            to b: nothing"#]],
    );
}

#[test]
fn next_expiry_and_has_locks_cover_locks_and_payment_locks() {
    let mut board = new_board();
    assert_eq!((board.next_expiry(), board.has_locks()), (None, false));
    board.load(1_000, 0, &SeatTruth { sold: seats_of("C1"), ..SeatTruth::default() });
    assert_eq!((board.next_expiry(), board.has_locks()), (None, false));
    board.lock(1_000, person('a'), &seats_of("A1"), &[], TTL, SEATS_MAX);
    board.lock(1_100, person('b'), &seats_of("A2"), &[], TTL, SEATS_MAX);
    assert_eq!((board.next_expiry(), board.has_locks()), (Some(1_300), true));
    board.start_payment(1_100, person('a'), payment(1), TTL);
    assert_eq!(board.next_expiry(), Some(1_400));
    // A payment lock without any lock has an expiry, too.
    board.mark_sold(1_100, payment(2), &seats_of("A1 A2"));
    assert_eq!((board.next_expiry(), board.has_locks()), (Some(1_400), true));
    board.sweep(1_400);
    assert_eq!((board.next_expiry(), board.has_locks()), (None, false));
}
