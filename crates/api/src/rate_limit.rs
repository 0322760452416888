//! Rate limits per person and per client address (token buckets).
//!
//! Each counter is one number, the time at which its token bucket will be full again (GCRA). So no background task has
//! to refill buckets, and a counter whose bucket is full can be dropped.

use std::collections::HashMap;

use parking_lot::Mutex;

use crate::client_address::ClientKeys;

/// A rate limit as a token bucket, which has at most `burst` tokens and is refilled with `per_second` tokens a second.
#[derive(Debug)]
pub(crate) struct Limit {
    index: usize,
    per_second: u64,
    burst: u64,
}

/// Limit of the requests of a signed-in person.
pub(crate) const PERSON: Limit = Limit { index: 0, per_second: 20, burst: 60 };
/// Limit of the requests from a client address, which many people may share.
const ADDRESS: Limit = Limit { index: 1, per_second: 200, burst: 2_000 };
/// Limit of the requests from an IPv6 /48, which some providers share among the customers of a town.
const NETWORK: Limit = Limit { index: 2, per_second: 800, burst: 8_000 };
/// Limit of the sign-ins from a client address: each costs a call to the identity provider and a row in the store.
const SIGN_IN: Limit = Limit { index: 3, per_second: 10, burst: 20 };
/// Limit of the sign-ins from an IPv6 /48.
const SIGN_IN_NETWORK: Limit = Limit { index: 4, per_second: 40, burst: 80 };
/// Number of the limits above.
const LIMITS: usize = 5;

/// What a client's request counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counted {
    /// Any request.
    Request,
    /// A sign-in, in addition to [`Self::Request`].
    SignIn,
}

impl Counted {
    /// The limit of an address, and that of an IPv6 /48.
    const fn limits(self) -> (&'static Limit, &'static Limit) {
        match self {
            Self::Request => (&ADDRESS, &NETWORK),
            Self::SignIn => (&SIGN_IN, &SIGN_IN_NETWORK),
        }
    }
}

/// Error: the token bucket is empty.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RateLimited {
    /// Seconds until the next token.
    pub(crate) retry_after_s: u32,
}

/// Maximum number of counters of one rate limit in one shard. When it is reached, counters with full buckets are
/// dropped, and if that frees too little, those whose buckets will be full soonest: losing a counter only admits more
/// requests. So a flood of new clients does not reset the counters of the busy ones.
const COUNTERS_PER_SHARD_MAX: usize = 8_192;
/// Number of independently locked shards, to reduce lock contention between threads.
const SHARDS: usize = 16;

type Shard = Mutex<HashMap<u128, u64>>;

/// All counters of this server.
pub(crate) struct RateLimits {
    shards: [[Shard; SHARDS]; LIMITS],
}

impl RateLimits {
    /// Creates counters whose buckets are all full.
    #[must_use]
    pub(crate) fn new() -> Self {
        Self { shards: std::array::from_fn(|_| std::array::from_fn(|_| Shard::default())) }
    }

    /// Takes a token of the client's address and then, for IPv6, one of its /48, so that a client cannot get further
    /// tokens by rotating the /64 in its /48. A request that the limit of its /64 refuses takes no token of the /48,
    /// which other clients share.
    ///
    /// # Errors
    /// [`RateLimited`], with the time until the next token.
    pub(crate) fn take_of(&self, client: ClientKeys, counted: Counted, now_us: u64) -> Result<(), RateLimited> {
        let (of_address, of_network) = counted.limits();
        self.take(of_address, client.address(), now_us)?;
        client.network().map_or(Ok(()), |network| self.take(of_network, network, now_us))
    }

    /// Takes a token from the bucket of `key`; `now_us` is in microseconds by a monotonic clock.
    ///
    /// # Errors
    /// [`RateLimited`], with the time until the next token.
    pub(crate) fn take(&self, limit: &Limit, key: u128, now_us: u64) -> Result<(), RateLimited> {
        let spread = key ^ (key >> 64) ^ (key >> 32) ^ (key >> 16);
        let mut counters = self.shards[limit.index][(spread % SHARDS as u128) as usize].lock();
        if counters.len() >= COUNTERS_PER_SHARD_MAX {
            make_room(&mut counters, now_us);
        }
        let full_at_us = counters.entry(key).or_insert(0);
        take_one(limit, full_at_us, now_us).map_err(|wait_us| {
            let seconds = u32::try_from(wait_us.div_ceil(1_000_000)).unwrap_or(u32::MAX);
            RateLimited { retry_after_s: seconds.max(1) }
        })
    }
}

fn make_room(counters: &mut HashMap<u128, u64>, now_us: u64) {
    counters.retain(|_, full_at_us| *full_at_us > now_us);
    let left = counters.len();
    if left > COUNTERS_PER_SHARD_MAX / 2 {
        let mut full_at_us: Vec<u64> = counters.values().copied().collect();
        let (_, latest_dropped, _) = full_at_us.select_nth_unstable(left / 2);
        let latest_dropped = *latest_dropped;
        counters.retain(|_, full_at_us| *full_at_us > latest_dropped);
    }
}

/// Takes a token by postponing the time at which the bucket will be full; fails with the time until the next token, in
/// microseconds.
fn take_one(limit: &Limit, full_at_us: &mut u64, now_us: u64) -> Result<(), u64> {
    let each_us = 1_000_000 / limit.per_second;
    let next = (*full_at_us).max(now_us) + each_us;
    let latest = now_us + each_us * limit.burst;
    if next > latest {
        return Err(next - latest);
    }
    *full_at_us = next;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND_US: u64 = 1_000_000;

    fn taken(limits: &RateLimits, limit: &Limit, key: u128, tries: usize, now_us: u64) -> usize {
        (0..tries).filter(|_| limits.take(limit, key, now_us).is_ok()).count()
    }

    #[test]
    fn rate_limit_allows_a_burst_and_then_a_steady_rate() {
        let limits = RateLimits::new();
        assert_eq!(taken(&limits, &PERSON, 1, 100, SECOND_US), 60);
        assert_eq!(taken(&limits, &PERSON, 1, 100, 2 * SECOND_US), 20);
        assert_eq!(taken(&limits, &PERSON, 1, 100, 100 * SECOND_US), 60, "full again, and no fuller");
        assert_eq!(taken(&limits, &ADDRESS, 1, 3_000, SECOND_US), 2_000, "kinds are counted apart");
        assert_eq!(taken(&limits, &PERSON, 2, 100, SECOND_US), 60, "and so are people");
    }

    #[test]
    fn request_sent_after_the_retry_after_time_is_admitted() {
        let limits = RateLimits::new();
        let mut now_us = SECOND_US;
        while limits.take(&SIGN_IN, 9, now_us).is_ok() {}
        let refusal = limits.take(&SIGN_IN, 9, now_us).unwrap_err();
        now_us += u64::from(refusal.retry_after_s) * SECOND_US;
        assert!(limits.take(&SIGN_IN, 9, now_us).is_ok());
    }

    #[test]
    fn flood_of_new_clients_does_not_reset_the_counter_of_a_busy_one() {
        let (limits, busy) = (RateLimits::new(), 7);
        while limits.take(&ADDRESS, busy, SECOND_US).is_ok() {}
        for key in 1_000..1_000 + (COUNTERS_PER_SHARD_MAX * SHARDS * 2) as u128 {
            assert!(limits.take(&ADDRESS, key, SECOND_US).is_ok());
        }
        assert!(limits.take(&ADDRESS, busy, SECOND_US).is_err());
    }

    #[test]
    fn client_that_rotates_the_64_of_a_48_is_limited_by_the_48() {
        let client = |text: &str| ClientKeys::of(text.parse().unwrap());
        for (counted, of_address, of_network) in [(Counted::Request, 2_000, 8_000), (Counted::SignIn, 20, 80)] {
            let limits = RateLimits::new();
            let take = |address: &str| limits.take_of(client(address), counted, SECOND_US).is_ok();
            let one = (0..9_999).filter(|_| take("2001:db8:7::1")).count();
            assert_eq!(one, of_address, "{counted:?} of one /64");
            let rotating = (0..60_000).filter(|n| take(&format!("2001:db8:7:{n:x}::1"))).count();
            assert_eq!(one + rotating, of_network, "{counted:?} of a /48: refused requests of one /64 do not count");
            assert!(take("2001:db8:8::1") && take("203.0.113.9"), "{counted:?} of others");
            let ipv4 = (0..9_999).filter(|_| take("203.0.113.10")).count();
            assert_eq!(ipv4, of_address, "{counted:?} of an IPv4 address");
            let as_6to4 = (0..100).filter(|n| take(&format!("2002:cb00:710a:{n:x}::1"))).count();
            assert_eq!(as_6to4, 0, "{counted:?} of the same IPv4 address");
        }
    }

    #[test]
    fn number_of_rate_limit_counters_is_limited() {
        let limits = RateLimits::new();
        for key in 0..(COUNTERS_PER_SHARD_MAX * SHARDS * 2) as u128 {
            assert!(limits.take(&ADDRESS, key, SECOND_US).is_ok());
        }
        let kept: usize = limits.shards[ADDRESS.index].iter().map(|shard| shard.lock().len()).sum();
        assert!(kept <= COUNTERS_PER_SHARD_MAX * SHARDS, "{kept}");
    }
}
