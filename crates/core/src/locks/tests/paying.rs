//! Payment locks, recorded sales and refunds.

use expect_test::expect;

use super::check;

#[test]
fn payment_restarts_the_expiry_of_a_lock_once() {
    check(
        "A: aab",
        |s| s.at(1_100).start('a', 1),
        expect![[r#"
            A: AAb
            started A1@1600 A2@1600 paying 1
            viewers 1001 -> 1100: A1 locked until 1600 A2 locked until 1600
            to a: A1@1600 A2@1600 paying 1"#]],
    );
    // A second payment does not restart the locks that the first has restarted; it restarts the lock of a new seat.
    check(
        "A: AA.",
        |s| {
            s.at(1_100).end('a', 1);
            s.at(1_200).start('a', 2)
        },
        expect![[r#"
            A: AA.
            started A1@1500 A2@1500 paying 2
            viewers 1100 -> 1200:
            to a: A1@1500 A2@1500 paying 2"#]],
    );
    check(
        "A: AA.",
        |s| {
            s.at(1_100).end('a', 1);
            s.at(1_200).lock('a', "A3");
            s.at(1_250).start('a', 2)
        },
        expect![[r#"
            A: AAA
            started A1@1500 A2@1500 A3@1750 paying 2
            viewers 1200 -> 1250: A3 locked until 1750
            to a: A1@1500 A2@1500 A3@1750 paying 2"#]],
    );
}

#[test]
fn repeated_start_of_a_payment_changes_nothing_and_another_payment_is_refused() {
    check(
        "A: AA.",
        |s| s.at(1_200).start('a', 1),
        expect![[r#"
        A: AA.
        started A1@1500 A2@1500 paying 1"#]],
    );
    check(
        "A: AA.",
        |s| s.at(1_200).start('a', 2),
        expect![[r#"
        A: AA.
        paying until 1500"#]],
    );
    check(
        "A: AA.",
        |s| s.at(1_500).start('a', 2),
        expect![[r#"
        A: ~~.
        nothing held"#]],
    );
}

#[test]
fn payment_without_held_seats_does_not_start() {
    check(
        "A: b.#",
        |s| s.start('a', 1),
        expect![[r#"
        A: b.#
        nothing held"#]],
    );
    check(
        "A: a..",
        |s| s.at(1_300).start('a', 1),
        expect![[r#"
        A: ~..
        nothing held"#]],
    );
    check(
        "A: A..",
        |s| {
            s.sell(9, "A1");
            s.start('a', 1)
        },
        expect![[r#"
            A: #..
            nothing held"#]],
    );
}

#[test]
fn lock_and_release_are_refused_while_the_holder_pays() {
    check(
        "A: A.b",
        |s| s.lock('a', "A2"),
        expect![[r#"
        A: A.b
        paying until 1500"#]],
    );
    check(
        "A: A.b",
        |s| s.lock('a', "A1"),
        expect![[r#"
        A: A.b
        paying until 1500"#]],
    );
    check(
        "A: A.b",
        |s| s.lock('a', "A3"),
        expect![[r#"
        A: A.b
        paying until 1500"#]],
    );
    check(
        "A: A.b",
        |s| s.release('a', None),
        expect![[r#"
        A: A.b
        paying until 1500"#]],
    );
    check(
        "A: A.b",
        |s| s.lock('b', "A2"),
        expect![[r#"
            A: Abb
            held A2@1300 A3@1300
            viewers 1002 -> 1003: A2 locked until 1300
            to b: A2@1300 A3@1300"#]],
    );
    check(
        "A: A.b",
        |s| s.at(1_500).lock('a', "A2"),
        expect![[r#"
            A: ~a~
            held A2@1800
            viewers 1002 -> 1500: A2 locked until 1800
            to a: A2@1800"#]],
    );
}

#[test]
fn payment_lock_is_ended_only_by_its_own_payment_id() {
    check(
        "A: A.",
        |s| s.end('a', 2),
        expect![[r#"
        A: A.
        ended, holds A1@1500 paying 1"#]],
    );
    check(
        "A: A.",
        |s| s.end('b', 1),
        expect![[r#"
        A: A.
        ended, holds nothing"#]],
    );
    check(
        "A: A.",
        |s| s.end('a', 1),
        expect![[r#"
            A: a.
            ended, holds A1@1500
            viewers 1001 -> 1002:
            to a: A1@1500"#]],
    );
    check(
        "A: A.",
        |s| {
            s.end('a', 1);
            s.release('a', None)
        },
        expect![[r#"
            A: ..
            left nothing
            release of a: [A1] unlocked at 1000, seq 1003
            viewers 1002 -> 1003: A1 free
            to a: nothing"#]],
    );
}

#[test]
fn extended_locks_return_to_their_own_expiry_when_the_payment_ends() {
    check(
        "A: AA.",
        |s| s.at(1_100).keep('a', 1, "A1 A2", 9_000),
        expect![[r#"
            A: AA.
            kept A1@9000 A2@9000 paying 1
            viewers 1001 -> 1100: A1 locked until 9000 A2 locked until 9000
            to a: A1@9000 A2@9000 paying 1"#]],
    );
    check(
        "A: AA.",
        |s| {
            s.at(1_100).keep('a', 1, "A1 A2", 9_000);
            s.at(1_200).end('a', 1)
        },
        expect![[r#"
            A: aa.
            ended, holds A1@1500 A2@1500
            viewers 1100 -> 1200: A1 locked until 1500 A2 locked until 1500
            to a: A1@1500 A2@1500"#]],
    );
    // The locks' own expiry has passed during the confirmation, so the seats are available at once.
    check(
        "A: AA.",
        |s| {
            s.at(1_100).keep('a', 1, "A1 A2", 9_000);
            s.at(1_700).end('a', 1)
        },
        expect![[r#"
            A: ...
            ended, holds nothing
            release of a: [A1, A2] expired at 1700, seq 1700
            viewers 1100 -> 1700: A1 free A2 free
            to a: nothing"#]],
    );
    // A further extension may lengthen the extended locks, but does not shorten them.
    check(
        "A: AA.",
        |s| {
            s.at(1_100).keep('a', 1, "A1 A2", 9_000);
            s.at(1_200).keep('a', 1, "A1 A2", 30_000);
            s.at(1_300).keep('a', 1, "A1 A2", 9_100)
        },
        expect![[r#"
            A: AA.
            kept A1@30000 A2@30000 paying 1"#]],
    );
}

/// While a provider does not answer for minutes, viewers receive a live change now and then, not one each second.
#[test]
fn locks_with_half_of_the_extension_left_are_not_extended() {
    check(
        "A: AA#",
        |s| {
            s.keep('a', 1, "A1 A2 A3", 9_000);
            s.at(4_900).keep('a', 1, "A1 A2 A3", 13_000)
        },
        expect![[r#"
            A: AA#
            kept A1@9000 A2@9000 paying 1"#]],
    );
    check(
        "A: AA#",
        |s| {
            s.keep('a', 1, "A1 A2 A3", 9_000);
            s.at(5_100).keep('a', 1, "A1 A2 A3", 13_100)
        },
        expect![[r#"
            A: AA#
            kept A1@13100 A2@13100 paying 1
            viewers 1002 -> 5100: A1 locked until 13100 A2 locked until 13100
            to a: A1@13100 A2@13100 paying 1"#]],
    );
}

/// The payment lock may have ended before the extension; the locks' own expiry must then still be stored.
#[test]
fn extension_without_a_payment_lock_returns_to_the_locks_own_expiry() {
    check(
        "A: aa.",
        |s| {
            s.at(1_100).keep('a', 1, "A1 A2", 9_000);
            s.at(1_200).end('a', 1)
        },
        expect![[r#"
            A: aa.
            ended, holds A1@1300 A2@1300
            viewers 1100 -> 1200: A1 locked until 1300 A2 locked until 1300
            to a: A1@1300 A2@1300"#]],
    );
}

#[test]
fn repeated_extensions_return_to_the_expiry_before_the_first() {
    check(
        "A: AA.",
        |s| {
            s.at(1_100).keep('a', 1, "A1 A2", 9_000);
            s.at(1_200).keep('a', 1, "A1 A2", 30_000);
            s.at(1_300).end('a', 1)
        },
        expect![[r#"
            A: aa.
            ended, holds A1@1500 A2@1500
            viewers 1200 -> 1300: A1 locked until 1500 A2 locked until 1500
            to a: A1@1500 A2@1500"#]],
    );
    // The locks' own expiry is restored to the millisecond.
    check(
        "A: AA.",
        |s| {
            s.keep('a', 1, "A1 A2", 9_000);
            s.at(1_499).end('a', 1)
        },
        expect![[r#"
            A: aa.
            ended, holds A1@1500 A2@1500
            viewers 1002 -> 1499: A1 locked until 1500 A2 locked until 1500
            to a: A1@1500 A2@1500"#]],
    );
    check(
        "A: AA.",
        |s| {
            s.keep('a', 1, "A1 A2", 9_000);
            s.at(1_500).end('a', 1)
        },
        expect![[r#"
            A: ...
            ended, holds nothing
            release of a: [A1, A2] expired at 1500, seq 1500
            viewers 1002 -> 1500: A1 free A2 free
            to a: nothing"#]],
    );
    // A shorter extension does not shorten the payment lock.
    check(
        "A: AA.",
        |s| {
            s.keep('a', 1, "A1 A2", 9_000);
            s.at(1_200).keep('a', 1, "A1 A2", 5_000);
            s.at(8_999).release('a', None)
        },
        expect![[r#"
            A: AA.
            paying until 9000"#]],
    );
}

#[test]
fn locks_that_were_not_extended_keep_their_expiry_when_the_payment_ends() {
    check(
        "A: AA.",
        |s| {
            s.keep('a', 1, "A1", 9_000);
            s.at(1_200).end('a', 1)
        },
        expect![[r#"
            A: aa.
            ended, holds A1@1500 A2@1500
            viewers 1002 -> 1200: A1 locked until 1500
            to a: A1@1500 A2@1500"#]],
    );
}

#[test]
fn extension_of_locks_does_not_change_seats_of_other_people() {
    check(
        "A: b#.",
        |s| s.keep('a', 1, "A1 A2 A3", 9_000),
        expect![[r#"
            A: b#A
            kept A3@9000 paying 1
            viewers 1000 -> 1001: A3 locked until 9000
            to a: A3@9000 paying 1"#]],
    );
    check(
        "A: b#.",
        |s| s.keep('a', 1, "A1 A2", 9_000),
        expect![[r#"
        A: b#.
        kept nothing"#]],
    );
    check(
        "A: A..",
        |s| s.keep('a', 2, "A1 A2", 9_000),
        expect![[r#"
        A: A..
        kept A1@1500 paying 1"#]],
    );
    check(
        "A: b..",
        |s| s.at(1_300).keep('a', 1, "A1", 9_000),
        expect![[r#"
            A: A..
            kept A1@9000 paying 1
            release of b: [A1] expired at 1300, seq 1300
            viewers 1000 -> 1300: A1 locked until 9000
            to a: A1@9000 paying 1
            to b: nothing"#]],
    );
}

#[test]
fn recorded_sale_marks_seats_sold_even_if_another_person_has_locked_them() {
    check(
        "A: AA.",
        |s| s.at(1_100).sell(1, "A1 A2"),
        expect![[r#"
            A: ##.
            sold
            viewers 1001 -> 1100: A1 booked A2 booked
            to a: nothing"#]],
    );
    check(
        "A: ABc",
        |s| s.at(1_100).sell(1, "A1 A2 A3"),
        expect![[r#"
            A: ###
            sold
            viewers 1004 -> 1100: A1 booked A2 booked A3 booked
            to a: nothing
            to b: nothing
            to c: nothing"#]],
    );
    check(
        "A: A.#",
        |s| s.at(1_100).sell(1, "A2 A3"),
        expect![[r#"
            A: a##
            sold
            viewers 1001 -> 1100: A2 booked
            to a: A1@1500"#]],
    );
    check(
        "A: b.",
        |s| s.at(1_300).sell(1, "A1"),
        expect![[r#"
            A: #.
            sold
            release of b: [A1] expired at 1300, seq 1300
            viewers 1000 -> 1300: A1 booked
            to b: nothing"#]],
    );
    check(
        "A: A#",
        |s| s.at(1_100).sell(1, "A2"),
        expect![[r#"
            A: a#
            sold
            viewers 1001 -> 1100:
            to a: A1@1500"#]],
    );
}

#[test]
fn refund_frees_only_sold_seats_on_the_seat_map() {
    check(
        "A: #a.",
        |s| s.at(1_100).free("A1 A2 A3"),
        expect![[r#"
        A: .a.
        freed
        viewers 1000 -> 1100: A1 free"#]],
    );
    check(
        "A: #a.",
        |s| s.at(1_100).free("A2 A3"),
        expect![[r#"
        A: #a.
        freed"#]],
    );
}
