//! A refused lock request allocates nothing, so that repeated requests for taken seats are cheap.

use std::{
    sync::Arc,
    task::{Context, Poll, Waker},
};

use allocation_counter::measure;
use seatkeeper_core::{
    ids::{PaymentId, PersonId, ScreeningId, SeatId},
    locks::{HeldSeat, HoardingRules, Hold, LoadReply, LockReply, PersonHolds, SeatBoard, SeatTruth},
    ports::{Backend, LockSeats, SeatLocks, SeatMaps},
};
use seatkeeper_embedded::locks::MemoryLocks;
use seatkeeper_testing::ManualClock;
use uuid::Uuid;

const HERE: ScreeningId = ScreeningId::from_uuid(Uuid::from_u128(1));
const ANN: PersonId = PersonId::from_uuid(Uuid::from_u128(2));
const BOB: PersonId = PersonId::from_uuid(Uuid::from_u128(3));
const PAYMENT: PaymentId = PaymentId::from_uuid(Uuid::from_u128(4));
const TTL_MS: i64 = 300_000;

fn seats(names: &str) -> Vec<SeatId> {
    names.split_whitespace().filter_map(SeatId::parse).collect()
}

#[test]
fn refusing_a_lock_by_the_rules_allocates_nothing() {
    let mut board = SeatBoard::new(HERE);
    board.load(1, 0, &SeatTruth { sold: seats("C1 C2"), ..SeatTruth::default() });
    board.lock(2, ANN, &seats("A1 A2"), &[], TTL_MS, 4);
    let wanted = seats("A1 A2 C1 B1");
    let too_many = seats("B1 B2 B3 B4 B5");
    let mut ask = |who, wanted: &[SeatId]| {
        let mut reply = None;
        let count = measure(|| reply = Some(board.lock(3, who, wanted, &[], TTL_MS, 4)));
        (reply.expect("an answer").0, count.count_total)
    };
    assert_eq!(ask(BOB, &wanted), (LockReply::Taken(seats("A1 A2 C1").into()), 0));
    assert_eq!(ask(BOB, &too_many), (LockReply::TooMany, 0));
    board.start_payment(4, ANN, PAYMENT, TTL_MS);
    let count = measure(|| {
        assert!(matches!(board.lock(5, ANN, &wanted, &[], TTL_MS, 4).0, LockReply::Paying(_)));
        assert!(matches!(SeatBoard::new(HERE).lock(5, ANN, &wanted, &[], TTL_MS, 4).0, LockReply::NotLoaded { .. }));
    });
    assert_eq!(count.count_total, 0);
}

/// Completes a call with one poll, because it never waits.
fn done<T>(future: impl Future<Output = Backend<T>>) -> T {
    match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(answer)) => answer,
        Poll::Ready(Err(error)) => unreachable!("a lock store without a log does not fail: {error}"),
        Poll::Pending => unreachable!("memory locks never wait"),
    }
}

#[test]
fn refusing_a_lock_through_the_port_allocates_only_the_boxed_future() {
    let locks = MemoryLocks::unlogged(Arc::new(ManualClock::default()));
    let truth = SeatTruth { sold: seats("C1"), ..SeatTruth::default() };
    assert_eq!(done(locks.load(HERE, 0, &truth)), LoadReply::Loaded);
    let wanted = seats("C1");
    let call =
        LockSeats { screening: HERE, holder: ANN, seats: &wanted, not_for_sale: &[], ttl_ms: TTL_MS, seats_max: 4 };
    let count = measure(|| assert!(matches!(done(locks.lock(&call)), LockReply::Taken(_))));
    assert_eq!(count.count_total, 1, "the boxed future of a `dyn` port");
}

#[test]
fn counting_for_the_limits_against_hoarding_allocates_nothing_when_a_lock_is_refused() {
    let rules = HoardingRules { seats_everywhere_max: 20, let_go_max: 2, lock_ms: TTL_MS, payment_ms: TTL_MS };
    let wanted = seats("A1 A2 C1");
    let mut holds = PersonHolds::default();
    let other = ScreeningId::from_uuid(Uuid::from_u128(9));
    let held = Hold { seq: 1, seats: vec![HeldSeat { id: wanted[0], until: TTL_MS }], payment: None };
    let refuse = |holds: &mut PersonHolds| {
        let count = measure(|| {
            let limits = holds.begin_lock(HERE, &wanted, 4, 1, &rules);
            holds.finish_refused(HERE, &limits, 1);
        });
        count.count_total
    };
    assert_eq!(refuse(&mut holds), 0, "for a person who holds nothing");
    holds.note(other, &held, 1, &rules);
    assert_eq!(refuse(&mut holds), 0, "for a person who holds seats at another screening");
}
