//! Random histories: sequences of calls by a few people on a few seats, determined by a seed.

use rand::{Rng as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};
use seatkeeper_core::{
    ids::{PaymentId, PersonId, SeatId},
    locks::{ClaimedSeat, Millis, SeatTruth},
};
use uuid::Uuid;

/// Only a few people, so that their calls often conflict.
pub(super) const PEOPLE: [PersonId; 3] = [person(1), person(2), person(3)];
/// Fewer payments than people, so that people also use payments of others.
const PAYMENTS: u128 = 2;
/// Seats whose order by row and number differs from the alphabetical order of their names.
const SEATS: [&str; 6] = ["A2", "A10", "AA1", "B1", "a1", "B11"];
/// Lifetime of locks in milliseconds. Short, so that many locks expire.
const TTL_MS: Millis = 60;

const fn person(number: u128) -> PersonId {
    PersonId::from_uuid(Uuid::from_u128(number))
}

#[derive(Clone, Debug)]
pub(super) enum Op {
    Lock { who: PersonId, seats: Vec<SeatId>, not_for_sale: Vec<SeatId>, ttl_ms: Millis },
    Release { who: PersonId, seats: Option<Vec<SeatId>> },
    Start { who: PersonId, payment: PaymentId, ttl_ms: Millis },
    Keep { who: PersonId, payment: PaymentId, seats: Vec<SeatId>, ttl_ms: Millis },
    End { who: PersonId, payment: PaymentId },
    Sell { payment: PaymentId, seats: Vec<SeatId> },
    Free { seats: Vec<SeatId> },
    Withdraw { seats: Vec<SeatId> },
    Restore { seats: Vec<SeatId> },
    Load { is_stale: bool, truth: SeatTruth },
    Sweep,
    Snapshot,
}

impl Op {
    /// The same call with the store's times shifted by `now`, because histories begin at time 0.
    pub(super) fn at(&self, now: Millis) -> Self {
        let mut op = self.clone();
        if let Self::Load { truth, .. } = &mut op {
            for claim in &mut truth.claimed {
                claim.until += now;
                claim.extended_from = claim.extended_from.map(|from| from + now);
            }
        }
        op
    }
}

/// The calls of a history, each with the milliseconds that pass before it.
pub(super) fn history(seed: u64, calls: usize) -> Vec<(u64, Op)> {
    let mut random = StdRng::seed_from_u64(seed);
    let random = &mut random;
    let load = Op::Load { is_stale: false, truth: truth(random) };
    let later = (0..calls).map(|_| (if random.random_bool(0.2) { random.random_range(0..90) } else { 0 }, op(random)));
    // Every fourth history begins with a seat map that is not loaded.
    (!seed.is_multiple_of(4)).then_some((0, load)).into_iter().chain(later).collect()
}

fn op(random: &mut StdRng) -> Op {
    let who = *PEOPLE.choose(random).unwrap();
    let payment = PaymentId::from_uuid(Uuid::from_u128(random.random_range(1..=PAYMENTS)));
    match random.random_range(0..39) {
        0..10 => Op::Lock { who, seats: seats(random, 4), not_for_sale: seats(random, 1), ttl_ms: TTL_MS },
        10..14 => Op::Release { who, seats: random.random_bool(0.6).then(|| seats(random, 3)) },
        14..18 => Op::Start { who, payment, ttl_ms: 2 * TTL_MS },
        18..21 => Op::Keep { who, payment, seats: seats(random, 3), ttl_ms: 3 * TTL_MS },
        21..24 => Op::End { who, payment },
        24..26 => Op::Sell { payment, seats: seats(random, 2) },
        26..28 => Op::Free { seats: seats(random, 4) },
        28..32 => Op::Load { is_stale: random.random_bool(0.2), truth: truth(random) },
        32..34 => Op::Sweep,
        34..36 => Op::Withdraw { seats: seats(random, 2) },
        36..38 => Op::Restore { seats: seats(random, 3) },
        _ => Op::Snapshot,
    }
}

fn truth(random: &mut StdRng) -> SeatTruth {
    let claimed = seats(random, 3).into_iter().map(|id| {
        let until = random.random_range(-10..3 * TTL_MS);
        let extended_from = random.random_bool(0.3).then_some(until / 2);
        let payment = PaymentId::from_uuid(Uuid::from_u128(random.random_range(1..=PAYMENTS)));
        ClaimedSeat { id, holder: *PEOPLE.choose(random).unwrap(), payment, until, extended_from }
    });
    let claimed = claimed.collect();
    let (sold, withdrawn) = (seats(random, 2), seats(random, 1));
    SeatTruth { sold, claimed, withdrawn }
}

/// At most `max` random seats, possibly with duplicates.
fn seats(random: &mut StdRng, max: usize) -> Vec<SeatId> {
    let count = random.random_range(0..=max);
    (0..count).filter_map(|_| SEATS.choose(random).and_then(|name| SeatId::parse(name))).collect()
}
