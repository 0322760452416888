//! Locks after the clock was set back or forward.

use uuid::Uuid;

use super::{
    scene::{PAYMENT_TTL, TTL, payment, person},
    seats_of,
};
use crate::{
    ids::ScreeningId,
    locks::{LockReply, LongestTimes, SeatBoard, SeatTruth, StartReply},
};

const HOUR: i64 = 3_600_000;
const NOW: i64 = 1_732_600_000_000;
const LONGEST: LongestTimes = LongestTimes { lock_ms: TTL, payment_ms: PAYMENT_TTL };

/// A board on which `a` has locked A1, and `b` pays for A2.
fn board() -> SeatBoard {
    let mut board = SeatBoard::new(ScreeningId::from_uuid(Uuid::from_u128(1)));
    board.load(NOW, 0, &SeatTruth::default());
    for (who, seat) in [('a', "A1"), ('b', "A2")] {
        assert!(matches!(board.lock(NOW, person(who), &seats_of(seat), &[], TTL, 4).0, LockReply::Held(_)));
    }
    assert!(matches!(board.start_payment(NOW, person('b'), payment(1), PAYMENT_TTL).0, StartReply::Started(_)));
    board
}

#[test]
fn locks_last_at_most_their_own_time_after_the_clock_is_set_back() {
    let mut board = board();
    let (seq, then) = (board.seq(), NOW - HOUR);
    let effects = board.limit_times(then, &LONGEST);
    assert_eq!(board.hold_of(then, person('a')).expires_at(), Some(then + TTL));
    let paying = board.hold_of(then, person('b'));
    assert_eq!((paying.expires_at(), paying.payment), (Some(then + PAYMENT_TTL), Some(payment(1))));
    let live = effects.live.expect("viewers see the new times");
    assert_eq!((live.prev, live.changes.len(), live.holds.map(|holds| holds.len())), (seq, 2, Some(2)));
    assert!(live.seq > seq && board.seq() == live.seq, "sequence numbers grow although the clock went back");
    assert_eq!(board.limit_times(then, &LONGEST).live, None, "a repeated call changes nothing");

    board.sweep(then + TTL.max(PAYMENT_TTL));
    assert!(!board.has_locks(), "all have expired");
}

#[test]
fn locks_keep_their_times_while_the_clock_is_right() {
    for later in [0, 1, TTL - 1] {
        let mut board = board();
        let before = board.clone();
        assert!(board.limit_times(NOW + later, &LONGEST).is_empty());
        assert_eq!(board, before);
    }
}

#[test]
fn sequence_numbers_grow_when_the_clock_jumps_an_hour_ahead_and_back() {
    let mut board = board();
    let mut last = board.seq();
    for (step, now) in [NOW + 1, NOW + HOUR, NOW + HOUR + 1, NOW + 2, NOW + 3, NOW - HOUR].into_iter().enumerate() {
        board.sweep(now);
        let seat = format!("B{}", step + 1);
        let (reply, effects) = board.lock(now, person('c'), &seats_of(&seat), &[], TTL, 10);
        assert!(matches!(reply, LockReply::Held(_)), "{seat}: {reply:?}");
        let live = effects.live.expect("a change");
        assert!(live.prev >= last && live.seq > live.prev, "{live:?} after {last}");
        last = live.seq;
    }
}
