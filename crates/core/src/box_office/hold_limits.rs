//! The limits against hoarding on one server: seats of one person at all screenings, seats that a person has let go, and
//! people of one network who hold seats. They cost a successful call no call of the lock store or the store.
//!
//! Each server counts what passes through it. The rules for one person are in [`crate::locks::PersonHolds`].

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{
    ids::{PersonId, ScreeningId, SeatId},
    locks::{HoardingRules, Hold, LockLimits, Millis, PersonHolds},
};

/// Number of separately locked parts of each table, so that concurrent calls rarely wait for each other.
const SHARDS: usize = 16;

/// The most entries of one part of a table: about 65,000 people who hold seats, and as many networks, on one server.
/// Beyond it newcomers are not counted, which only permits more.
const ENTRIES_PER_SHARD_MAX: usize = 4_096;

/// A part of a table with fewer entries is not searched for expired ones.
const ENTRIES_SEARCHED_MIN: usize = 64;

/// Least time between two searches of a full part for expired entries, in milliseconds.
const SEARCH_FULL_EVERY_MS: u64 = 1_000;

/// The longest time after which a refused person is asked to try again, in milliseconds. Somebody of the network may let
/// seats go before their locks expire.
const RETRY_AFTER_MS_MAX: Millis = 60_000;

/// The person who asks for seats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buyer {
    /// The person.
    pub person: PersonId,
    /// Whether the person works for the cinema. The limits against hoarding do not apply to staff.
    pub is_staff: bool,
    /// The network from which the request came. Only equality matters.
    pub network: u128,
}

impl Buyer {
    /// A person who is not staff and is alone in their network.
    #[must_use]
    pub fn alone(person: PersonId) -> Self {
        Self { person, is_staff: false, network: person.as_uuid().as_u128() }
    }
}

/// The limits that the operator chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HoldRules {
    /// How many seats one person may hold at one screening.
    pub seats_per_person: usize,
    /// How many people of one network may hold seats.
    pub holders_per_network: usize,
    /// The limits of one person at all screenings together.
    pub hoarding: HoardingRules,
}

/// Refusal: too many people of one network hold seats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetworkFull {
    /// Milliseconds until the first of them may hold none any more.
    pub retry_after_ms: Millis,
}

/// A table in parts. Entries that have expired are removed when a part has doubled.
struct Table<K, V>([Mutex<Part<K, V>>; SHARDS]);

struct Part<K, V> {
    entries: HashMap<K, V>,
    /// The number of entries at which expired ones are searched for.
    search_at: usize,
    /// When a full part was last searched.
    searched_at: Millis,
}

impl<K: Eq + Hash, V> Table<K, V> {
    fn new() -> Self {
        let part = || Part { entries: HashMap::new(), search_at: ENTRIES_SEARCHED_MIN, searched_at: 0 };
        Self(std::array::from_fn(|_| Mutex::new(part())))
    }

    fn part(&self, key: u128) -> MutexGuard<'_, Part<K, V>> {
        let spread = key ^ (key >> 64) ^ (key >> 32) ^ (key >> 16);
        self.0[(spread % SHARDS as u128) as usize].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash, V> Part<K, V> {
    /// The entry of `key`, which is inserted if it is new. `None` if it is new and the part is full.
    fn entry(
        &mut self,
        key: K,
        now: Millis,
        new: impl FnOnce() -> V,
        is_alive: impl FnMut(&mut V) -> bool,
    ) -> Option<&mut V> {
        if !self.entries.contains_key(&key) {
            self.make_room(now, is_alive);
            if self.entries.len() >= ENTRIES_PER_SHARD_MAX {
                return None;
            }
        }
        Some(self.entries.entry(key).or_insert_with(new))
    }

    /// Removes expired entries if the part has doubled since the last search, so that a call rarely pays for a search. A
    /// part that stays full is searched once in [`SEARCH_FULL_EVERY_MS`].
    fn make_room(&mut self, now: Millis, mut is_alive: impl FnMut(&mut V) -> bool) {
        let (len, is_full) = (self.entries.len(), self.entries.len() >= ENTRIES_PER_SHARD_MAX);
        if len < self.search_at || is_full && now.abs_diff(self.searched_at) < SEARCH_FULL_EVERY_MS {
            return;
        }
        self.entries.retain(|_, entry| is_alive(entry));
        self.search_at = (2 * self.entries.len()).clamp(ENTRIES_SEARCHED_MIN, ENTRIES_PER_SHARD_MAX);
        self.searched_at = now;
    }
}

/// The people of one network who hold seats, each with the time until which they count.
#[derive(Default)]
struct Holders {
    until: HashMap<PersonId, Millis>,
    /// No entry ends before this time.
    soonest: Millis,
    /// Running calls of people who hold nothing yet.
    entering: usize,
}

impl Holders {
    fn is_used(&self) -> bool {
        self.entering > 0 || !self.until.is_empty()
    }

    fn expire(&mut self, now: Millis, rules: &HoardingRules) {
        let longest = now.saturating_add(rules.longest_ms());
        if self.soonest <= now || self.soonest > longest {
            self.until.retain(|_, until| {
                *until = longest.min(*until);
                *until > now
            });
            self.soonest = self.until.values().copied().min().unwrap_or(Millis::MAX);
        }
    }

    fn put(&mut self, person: PersonId, until: Millis) {
        self.until.insert(person, until);
        self.soonest = self.soonest.min(until);
    }
}

/// The limits against hoarding on this server.
pub struct HoldLimits {
    people: Table<PersonId, Tracked>,
    networks: Table<u128, Holders>,
}

#[derive(Default)]
struct Tracked {
    holds: PersonHolds,
    /// The network from which the person last locked seats.
    network: Option<u128>,
}

impl Default for HoldLimits {
    fn default() -> Self {
        Self { people: Table::new(), networks: Table::new() }
    }
}

/// A running call that locks seats. A pass that is dropped without an outcome stands for a call that may have locked its
/// seats.
pub(super) struct LockPass<'a> {
    limits: &'a HoldLimits,
    rules: HoldRules,
    buyer: Buyer,
    screening: ScreeningId,
    wanted: &'a [SeatId],
    begun: Millis,
    allowed: LockLimits,
    /// Whether the person counts as a holder of the network only because of this call.
    is_newcomer: bool,
    is_over: bool,
}

impl HoldLimits {
    /// Whether a lock of this person would be refused because of their network. [`super::lock_seats`] decides; this is
    /// for a refusal before the request is read.
    ///
    /// # Errors
    /// The network is full.
    pub fn check_network(&self, rules: &HoldRules, buyer: &Buyer, now: Millis) -> Result<(), NetworkFull> {
        if buyer.is_staff {
            return Ok(());
        }
        let mut part = self.networks.part(buyer.network);
        let Some(holders) = part.entries.get_mut(&buyer.network) else { return Ok(()) };
        admit(holders, buyer.person, now, rules)
    }

    /// Notes locks that the lock store has restored after a restart of this server.
    pub fn restore(&self, rules: &HoldRules, person: PersonId, screening: ScreeningId, hold: &Hold, now: Millis) {
        let rules = &rules.hoarding;
        let mut part = self.people.part(key_of(person));
        if let Some(tracked) = part.entry(person, now, Tracked::default, |tracked| is_alive(tracked, now, rules)) {
            tracked.holds.note(screening, hold, now, rules);
        }
    }

    /// Begins a call that locks `wanted`.
    ///
    /// # Errors
    /// The network is full.
    pub(super) fn begin<'a>(
        &'a self,
        rules: &HoldRules,
        buyer: &Buyer,
        screening: ScreeningId,
        wanted: &'a [SeatId],
        now: Millis,
    ) -> Result<LockPass<'a>, NetworkFull> {
        let (rules, buyer) = (*rules, *buyer);
        let allowed = LockLimits::of_screening(rules.seats_per_person);
        let mut pass = LockPass {
            limits: self,
            rules,
            buyer,
            screening,
            wanted,
            begun: now,
            allowed,
            is_newcomer: false,
            is_over: true,
        };
        if buyer.is_staff {
            return Ok(pass);
        }
        pass.is_newcomer = self.enter(&rules, &buyer, now)?;
        let mut part = self.people.part(key_of(buyer.person));
        let is_alive = |tracked: &mut Tracked| is_alive(tracked, now, &rules.hoarding);
        let mut left = None;
        if let Some(tracked) = part.entry(buyer.person, now, Tracked::default, is_alive) {
            left = tracked.network.replace(buyer.network).filter(|old| *old != buyer.network);
            pass.allowed = tracked.holds.begin_lock(screening, wanted, rules.seats_per_person, now, &rules.hoarding);
        }
        drop(part);
        if let Some(old) = left {
            self.hold_network(old, buyer.person, None, now, &rules.hoarding);
        }
        pass.is_over = false;
        Ok(pass)
    }

    /// Notes a hold that a reply of the lock store has shown, if this server has counted the person before.
    pub(super) fn note(&self, rules: &HoldRules, person: PersonId, screening: ScreeningId, hold: &Hold, now: Millis) {
        self.change(person, now, rules, |holds, rules| holds.note(screening, hold, now, rules));
    }

    /// The screenings other than `here` at which this server counts seats of the person.
    pub(super) fn list_elsewhere(&self, person: PersonId, here: ScreeningId) -> Vec<ScreeningId> {
        let part = self.people.part(key_of(person));
        part.entries.get(&person).map(|tracked| tracked.holds.list_elsewhere(here)).unwrap_or_default()
    }

    /// Notes a sale: bought seats do not count.
    pub(super) fn sold(
        &self,
        rules: &HoldRules,
        person: PersonId,
        screening: ScreeningId,
        seats: &[SeatId],
        now: Millis,
    ) {
        self.change(person, now, rules, |holds, _| holds.sold(screening, seats, now));
    }

    /// Counts the person as a holder of their network for the length of a call. Returns whether they were none before.
    fn enter(&self, rules: &HoldRules, buyer: &Buyer, now: Millis) -> Result<bool, NetworkFull> {
        let mut part = self.networks.part(buyer.network);
        let is_used = |holders: &mut Holders| is_used_at(holders, now, &rules.hoarding);
        let Some(holders) = part.entry(buyer.network, now, Holders::default, is_used) else { return Ok(false) };
        if holders.until.contains_key(&buyer.person) {
            return Ok(false);
        }
        admit(holders, buyer.person, now, rules)?;
        holders.entering += 1;
        Ok(true)
    }

    /// Changes what is noted of a person, and then how long the person counts as a holder of their network.
    fn change(
        &self,
        person: PersonId,
        now: Millis,
        rules: &HoldRules,
        work: impl FnOnce(&mut PersonHolds, &HoardingRules),
    ) {
        let rules = &rules.hoarding;
        let mut part = self.people.part(key_of(person));
        let Some(tracked) = part.entries.get_mut(&person) else { return };
        work(&mut tracked.holds, rules);
        let (network, until) = (tracked.network, tracked.holds.held_until());
        if tracked.holds.is_empty() {
            part.entries.remove(&person);
        }
        drop(part);
        if let Some(network) = network {
            self.hold_network(network, person, until, now, rules);
        }
    }

    /// Sets how long a person counts as a holder of their network; `None` or a past time removes them.
    fn hold_network(&self, network: u128, person: PersonId, until: Option<Millis>, now: Millis, rules: &HoardingRules) {
        let mut part = self.networks.part(network);
        if let Some(until) = until.filter(|until| *until > now) {
            let is_used = |holders: &mut Holders| is_used_at(holders, now, rules);
            if let Some(holders) = part.entry(network, now, Holders::default, is_used) {
                holders.put(person, until);
            }
        } else if let Some(holders) = part.entries.get_mut(&network) {
            holders.until.remove(&person);
            if !holders.is_used() {
                part.entries.remove(&network);
            }
        }
    }

    /// Ends the call of a person who held nothing before it.
    fn end_entering(&self, network: u128) {
        let mut part = self.networks.part(network);
        let Some(holders) = part.entries.get_mut(&network) else { return };
        holders.entering = holders.entering.saturating_sub(1);
        if !holders.is_used() {
            part.entries.remove(&network);
        }
    }
}

impl LockPass<'_> {
    /// The limit of seats at this screening, for the call of the lock store.
    pub(super) fn seats_max(&self) -> usize {
        self.allowed.seats_max
    }

    /// The requested seats that are refused because the person has let them go too often.
    pub(super) fn let_go_too_often(&self) -> &[SeatId] {
        &self.allowed.let_go_too_often
    }

    /// If a hold was refused as too large because of the seats at other screenings, and not because of the limit of one
    /// screening: the number of those seats.
    pub(super) fn too_many_elsewhere(&self, seats_per_person: usize) -> Option<usize> {
        let is_elsewhere = self.allowed.seats_max < seats_per_person && self.allowed.would_hold <= seats_per_person;
        is_elsewhere.then_some(self.allowed.held_elsewhere)
    }

    /// Ends the call: the lock store has locked the seats.
    pub(super) fn held(mut self, hold: &Hold, now: Millis) {
        self.finish(
            |holds, pass| holds.finish_held(pass.screening, &pass.allowed, hold, now, &pass.rules.hoarding),
            now,
        );
    }

    /// Ends the call: nothing was locked.
    pub(super) fn refused(mut self, now: Millis) {
        self.finish(|holds, pass| holds.finish_refused(pass.screening, &pass.allowed, now), now);
    }

    fn finish(&mut self, work: impl FnOnce(&mut PersonHolds, &Self), now: Millis) {
        if self.is_over {
            return;
        }
        self.is_over = true;
        self.limits.change(self.buyer.person, now, &self.rules, |holds, _| work(holds, self));
        if self.is_newcomer {
            self.limits.end_entering(self.buyer.network);
        }
    }
}

impl Drop for LockPass<'_> {
    fn drop(&mut self) {
        let begun = self.begun;
        self.finish(
            |holds, pass| holds.finish_unknown(pass.screening, &pass.allowed, pass.wanted, begun, &pass.rules.hoarding),
            begun,
        );
    }
}

fn admit(holders: &mut Holders, person: PersonId, now: Millis, rules: &HoldRules) -> Result<(), NetworkFull> {
    let is_full = |holders: &Holders| holders.until.len() + holders.entering >= rules.holders_per_network;
    if !is_full(holders) || holders.until.contains_key(&person) {
        return Ok(());
    }
    holders.expire(now, &rules.hoarding);
    match is_full(holders) {
        true => Err(NetworkFull { retry_after_ms: holders.soonest.saturating_sub(now).clamp(1, RETRY_AFTER_MS_MAX) }),
        false => Ok(()),
    }
}

fn is_alive(tracked: &mut Tracked, now: Millis, rules: &HoardingRules) -> bool {
    tracked.holds.expire(now, rules);
    !tracked.holds.is_empty()
}

fn is_used_at(holders: &mut Holders, now: Millis, rules: &HoardingRules) -> bool {
    holders.expire(now, rules);
    holders.is_used()
}

fn key_of(person: PersonId) -> u128 {
    person.as_uuid().as_u128()
}

#[cfg(test)]
#[path = "hold_limits_tests.rs"]
mod tests;
