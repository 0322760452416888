//! Seats withdrawn from sale during sales.

use expect_test::expect;

use super::scene::{Scene, check, payment, seats_of};
use crate::locks::{ClaimedSeat, LoadReply, SeatTruth};

#[test]
fn withdrawn_seats_are_refused_by_a_lock_like_sold_ones() {
    check(
        "A: .a..",
        |s: &mut Scene| s.withdraw("A3 A4"),
        expect![[r#"
        A: .axx
        withdrawn
        viewers 1000 -> 1001: A3 unavailable A4 unavailable"#]],
    );
    check(
        "A: ....",
        |s| {
            s.withdraw("A2");
            s.lock('a', "A1 A2")
        },
        expect![[r#"
            A: .x..
            taken [A2]"#]],
    );
}

#[test]
fn withdrawing_seats_changes_nothing_when_one_is_held_or_sold() {
    check(
        "A: a#..",
        |s| s.withdraw("A4 A2 A1"),
        expect![[r#"
        A: a#..
        taken [A1, A2]"#]],
    );
}

#[test]
fn withdrawing_a_seat_releases_its_expired_lock() {
    check(
        "A: a.",
        |s| s.at(5_000).withdraw("A1"),
        expect![[r#"
        A: x.
        withdrawn
        release of a: [A1] expired at 5000, seq 5000
        viewers 1000 -> 5000: A1 unavailable
        to a: nothing"#]],
    );
}

#[test]
fn repeated_withdrawal_changes_nothing_and_restore_frees_only_withdrawn_seats() {
    check(
        "A: a#..",
        |s| {
            let first = s.withdraw("A3");
            let again = s.withdraw("A3");
            let restored = s.restore("A1 A2 A3 A4");
            format!("{first}\n{again}\n{restored}")
        },
        expect![[r#"
            A: a#..
            withdrawn
            viewers 1000 -> 1001: A3 unavailable
            withdrawn
            restored
            viewers 1001 -> 1002: A3 free"#]],
    );
}

#[test]
fn recorded_sale_marks_a_withdrawn_seat_sold() {
    check(
        "A: ..",
        |s| {
            s.withdraw("A1");
            s.sell(1, "A1")
        },
        expect![[r#"
            A: #.
            sold
            viewers 1000 -> 1001: A1 booked"#]],
    );
}

#[test]
fn load_of_a_seat_map_sets_withdrawn_seats_as_in_the_ledger() {
    check(
        "A: a.#.",
        |s| {
            s.withdraw("A4");
            let claim = ClaimedSeat {
                id: seats_of("A2")[0],
                holder: super::scene::person('b'),
                payment: payment(2),
                until: 9_000,
                extended_from: None,
            };
            let truth = SeatTruth { sold: seats_of("A3"), claimed: vec![claim], withdrawn: seats_of("A1 A3") };
            let (reply, effects) = s.board.load(s.now, s.board.seq(), &truth);
            assert_eq!(reply, LoadReply::Loaded);
            super::scene::said("loaded".to_owned(), &effects)
        },
        expect![[r#"
            A: xB#.
            loaded
            release of a: [A1] expired at 1000, seq 1002
            viewers 1001 -> 1002: A4 free A1 unavailable A2 locked until 9000
            to a: nothing
            to b: A2@9000 paying 2"#]],
    );
}
