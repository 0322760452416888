//! Locking and letting go.

use expect_test::expect;

use super::check;

#[test]
fn a_lock_takes_all_or_none() {
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
fn seats_already_mine_stay_mine_and_keep_their_time() {
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
fn doubles_count_once() {
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
fn nobody_holds_too_many_and_bought_seats_do_not_count() {
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
fn who_holds_more_than_the_limit_keeps_it_and_gets_no_more() {
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
fn what_has_run_out_is_free_and_its_release_is_written_first() {
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
            release of b: [A1] run out at 1300, seq 1300
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
            release of b: [A3, A1] run out at 1300, seq 1300
            release of c: [A2] run out at 1300, seq 1300
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
            release of a: [A1] run out at 1300, seq 1300
            viewers 1000 -> 1300: A1 locked until 1600
            to a: A1@1600"#]],
    );
}

#[test]
fn only_ones_own_seats_are_let_go() {
    check(
        "A: aab#",
        |s| s.release('a', None),
        expect![[r#"
            A: ..b#
            left nothing
            release of a: [A1, A2] let go at 1000, seq 1002
            viewers 1001 -> 1002: A1 free A2 free
            to a: nothing"#]],
    );
    check(
        "A: aab#",
        |s| s.release('a', Some("A1 A3 A4")),
        expect![[r#"
            A: .ab#
            left A2@1300
            release of a: [A1] let go at 1000, seq 1002
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
fn what_has_run_out_is_not_let_go_again() {
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
            release of a: [A1, A2] run out at 1300, seq 1300
            viewers 1000 -> 1300: A1 free A2 free
            to a: nothing"#]],
    );
}

#[test]
fn a_sweep_ends_what_has_run_out_once() {
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
            release of a: [A1, A2] run out at 1300, seq 1300
            release of b: [A3] run out at 1300, seq 1300
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
fn the_sequence_is_the_time_or_one_more() {
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
fn a_map_is_what_everybody_may_know() {
    let draw = |s: &mut super::scene::Scene| format!("{:?}", s.board.snapshot());
    check(
        "A: aB#.",
        draw,
        expect![[r#"
        A: aB#.
        Some(SeatSnapshot { seq: 1002, seats: [SeatChange { id: A1, status: Locked { until: 1300 } }, SeatChange { id: A2, status: Locked { until: 1500 } }, SeatChange { id: A3, status: Booked }] })"#]],
    );
}
