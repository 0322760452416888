//! Locking, releasing and expiry.

use expect_test::expect;

use super::check;

#[test]
fn lock_of_several_seats_takes_all_or_none() {
    check(
        "A: ..b#.",
        |s| s.lock('a', "A1 A2"),
        expect![[r#"
            A: aab#.
            held A1@1300 A2@1300
            viewers 1000 -> 1001: A1 locked until 1300 A2 locked until 1300
            to a: A1@1300 A2@1300"#]],
    );
    check(
        "A: ..b#.",
        |s| s.lock('a', "A1 A3"),
        expect![[r#"
        A: ..b#.
        taken [A3]"#]],
    );
    check(
        "A: ..b#.",
        |s| s.lock('a', "A4 A3 A5"),
        expect![[r#"
        A: ..b#.
        taken [A3, A4]"#]],
    );
    check(
        "A: ....",
        |s| s.lock_some('a', "A1 A2 A3", "A2"),
        expect![[r#"
        A: ....
        taken [A2]"#]],
    );
}

#[test]
fn relocking_held_seats_keeps_their_expiry() {
    check(
        "A: a..",
        |s| s.at(1_200).lock('a', "A1"),
        expect![[r#"
        A: a..
        held A1@1300"#]],
    );
    check(
        "A: a..",
        |s| s.at(1_200).lock('a', "A2 A1"),
        expect![[r#"
            A: aa.
            held A1@1300 A2@1500
            viewers 1000 -> 1200: A2 locked until 1500
            to a: A1@1300 A2@1500"#]],
    );
}

#[test]
fn duplicate_seats_in_a_request_count_once() {
    check(
        "A: .....",
        |s| s.lock('a', "A1 A2 A1 A3 A2 A4"),
        expect![[r#"
            A: aaaa.
            held A1@1300 A2@1300 A3@1300 A4@1300
            viewers 1 -> 1000: A1 locked until 1300 A2 locked until 1300 A3 locked until 1300 A4 locked until 1300
            to a: A1@1300 A2@1300 A3@1300 A4@1300"#]],
    );
    check(
        "A: bb",
        |s| s.lock('a', "A2 A1 A2"),
        expect![[r#"
        A: bb
        taken [A1, A2]"#]],
    );
}

#[test]
fn lock_is_refused_above_the_limit_and_sold_seats_do_not_count() {
    check(
        "A: aaa..",
        |s| s.lock('a', "A4"),
        expect![[r#"
            A: aaaa.
            held A1@1300 A2@1300 A3@1300 A4@1300
            viewers 1000 -> 1001: A4 locked until 1300
            to a: A1@1300 A2@1300 A3@1300 A4@1300"#]],
    );
    check(
        "A: aaa..",
        |s| s.lock('a', "A4 A5"),
        expect![[r#"
        A: aaa..
        too many"#]],
    );
    check(
        "A: aaaa.",
        |s| s.lock('a', "A4 A1"),
        expect![[r#"
        A: aaaa.
        held A1@1300 A2@1300 A3@1300 A4@1300"#]],
    );
    check(
        "A: aaaab",
        |s| s.lock('a', "A5"),
        expect![[r#"
        A: aaaab
        too many"#]],
    );
    check(
        "A: aaaa.",
        |s| {
            s.sell(9, "A1 A2");
            s.lock('a', "A5")
        },
        expect![[r#"
            A: ##aaa
            held A3@1300 A4@1300 A5@1300
            viewers 1001 -> 1002: A5 locked until 1300
            to a: A3@1300 A4@1300 A5@1300"#]],
    );
    check(
        "A: aaaa.",
        |s| s.at(1_300).lock('a', "A5"),
        expect![[r#"
            A: ~~~~a
            held A5@1600
            viewers 1000 -> 1300: A5 locked until 1600
            to a: A5@1600"#]],
    );
}

#[test]
fn hold_above_the_limit_of_seats_stays_but_cannot_grow() {
    let hold_five = |s: &mut super::scene::Scene| {
        s.at(1_500).load(1, "", &[('a', 1, "A1 A2 A3 A4 A5")]);
        s.end('a', 1);
    };
    check(
        "A: ......",
        |s| {
            hold_five(s);
            s.lock('a', "A1")
        },
        expect![[r#"
            A: aaaaa.
            held A1@2000 A2@2000 A3@2000 A4@2000 A5@2000"#]],
    );
    check(
        "A: ......",
        |s| {
            hold_five(s);
            s.lock('a', "A6")
        },
        expect![[r#"
            A: aaaaa.
            too many"#]],
    );
}

#[test]
fn expired_lock_is_taken_over_and_its_release_written_first() {
    check(
        "A: b..",
        |s| s.at(1_299).lock('a', "A1"),
        expect![[r#"
        A: b..
        taken [A1]"#]],
    );
    check(
        "A: b..",
        |s| s.at(1_300).lock('a', "A1"),
        expect![[r#"
            A: a..
            held A1@1600
            release of b: [A1] expired at 1300, seq 1300
            viewers 1000 -> 1300: A1 locked until 1600
            to a: A1@1600
            to b: nothing"#]],
    );
    check(
        "A: bcb",
        |s| s.at(1_300).lock('a', "A3 A2 A1"),
        expect![[r#"
            A: aaa
            held A1@1600 A2@1600 A3@1600
            release of b: [A3, A1] expired at 1300, seq 1300
            release of c: [A2] expired at 1300, seq 1300
            viewers 1001 -> 1300: A3 locked until 1600 A2 locked until 1600 A1 locked until 1600
            to a: A1@1600 A2@1600 A3@1600
            to b: nothing
            to c: nothing"#]],
    );
    check(
        "A: a..",
        |s| s.at(1_300).lock('a', "A1"),
        expect![[r#"
            A: a..
            held A1@1600
            release of a: [A1] expired at 1300, seq 1300
            viewers 1000 -> 1300: A1 locked until 1600
            to a: A1@1600"#]],
    );
}

#[test]
fn release_ignores_seats_of_other_people() {
    check(
        "A: aab#",
        |s| s.release('a', None),
        expect![[r#"
            A: ..b#
            left nothing
            release of a: [A1, A2] unlocked at 1000, seq 1002
            viewers 1001 -> 1002: A1 free A2 free
            to a: nothing"#]],
    );
    check(
        "A: aab#",
        |s| s.release('a', Some("A1 A3 A4")),
        expect![[r#"
            A: .ab#
            left A2@1300
            release of a: [A1] unlocked at 1000, seq 1002
            viewers 1001 -> 1002: A1 free
            to a: A2@1300"#]],
    );
    check(
        "A: aab#",
        |s| s.release('c', None),
        expect![[r#"
        A: aab#
        left nothing"#]],
    );
    check(
        "A: aab#",
        |s| s.release('a', Some("")),
        expect![[r#"
        A: aab#
        left A1@1300 A2@1300"#]],
    );
}

#[test]
fn expired_lock_is_released_by_the_sweep_and_not_by_its_holder() {
    check(
        "A: aa",
        |s| s.at(1_300).release('a', None),
        expect![[r#"
        A: ~~
        left nothing"#]],
    );
    check(
        "A: aa",
        |s| {
            s.at(1_300).release('a', None);
            s.sweep()
        },
        expect![[r#"
            A: ..
            swept
            release of a: [A1, A2] expired at 1300, seq 1300
            viewers 1000 -> 1300: A1 free A2 free
            to a: nothing"#]],
    );
}

#[test]
fn sweep_releases_expired_locks_once() {
    check(
        "A: aab#",
        |s| s.at(1_299).sweep(),
        expect![[r#"
        A: aab#
        swept"#]],
    );
    check(
        "A: aab#",
        |s| s.at(1_300).sweep(),
        expect![[r#"
            A: ...#
            swept
            release of a: [A1, A2] expired at 1300, seq 1300
            release of b: [A3] expired at 1300, seq 1300
            viewers 1001 -> 1300: A1 free A2 free A3 free
            to a: nothing
            to b: nothing"#]],
    );
    check(
        "A: aab#",
        |s| {
            s.at(1_300).sweep();
            s.at(1_400).sweep()
        },
        expect![[r#"
            A: ...#
            swept"#]],
    );
}

#[test]
fn sequence_number_of_a_change_is_the_time_or_the_last_number_plus_one() {
    check(
        "A: a..",
        |s| s.lock('b', "A2"),
        expect![[r#"
            A: ab.
            held A2@1300
            viewers 1000 -> 1001: A2 locked until 1300
            to b: A2@1300"#]],
    );
    check(
        "A: a..",
        |s| s.at(1_100).lock('b', "A2"),
        expect![[r#"
            A: ab.
            held A2@1400
            viewers 1000 -> 1100: A2 locked until 1400
            to b: A2@1400"#]],
    );
    check(
        "A: a..",
        |s| s.at(-5).lock('b', "A2"),
        expect![[r#"
            A: ab.
            held A2@295
            viewers 1000 -> 1001: A2 locked until 295
            to b: A2@295"#]],
    );
}

#[test]
fn snapshot_shows_status_and_expiry_but_no_holders() {
    let draw = |s: &mut super::scene::Scene| format!("{:?}", s.board.snapshot());
    check(
        "A: aB#.",
        draw,
        expect![[r#"
        A: aB#.
        Some(SeatSnapshot { seq: 1002, seats: [SeatChange { id: A1, status: Locked { until: 1300 } }, SeatChange { id: A2, status: Locked { until: 1500 } }, SeatChange { id: A3, status: Booked }] })"#]],
    );
}
