//! Limits against hoarding: how many seats a person holds at all screenings together, and how often a person takes a
//! seat again that they have let go.
//!
//! The lock store counts the seats of one screening only. A server therefore notes here what its own calls have shown
//! it. Every reply of the lock store has the person's whole hold at a screening, so each reply corrects the note. Seats
//! that were locked through another server are unknown until a reply shows them.
//!
//! A seat is *let go* when its lock is released or expires without a sale. Who takes the seat again within one lock time
//! renews it: without a limit, such renewals would hold a seat for ever. The lock may expire at any moment of that
//! renewal, so the time between two ends of a lock proves nothing; what counts is that the person did not leave the seat
//! alone for one lock time in between. A person whose lock expired once may therefore take the seat again.

use smallvec::SmallVec;

use super::{Hold, Millis, SeatList};
use crate::ids::{ScreeningId, SeatId};

/// The most seats that a person has let go and that are remembered. Beyond it the person gets only seats that are remembered,
/// until some of them were left alone for one lock time: forgetting one instead would permit to renew it.
pub const LET_GO_SEATS_MAX: usize = 64;

/// A `let_go_max` that lifts the limit, for load tests.
pub const LET_GO_UNLIMITED: u32 = 1_000_000;

/// A lock that ends in less than this time, in milliseconds, may expire before the lock store runs a call that begins now.
/// Such a call would take the seat anew, so it is judged as if the lock had expired.
const EXPIRES_DURING_CALL_MS: Millis = 1_000;

/// For how long the seats of a call whose outcome is unknown count as held, in milliseconds. The lock store was away, so
/// longer would refuse people who hold nothing when it is back.
const UNKNOWN_FOR_MS: Millis = 30_000;

/// For how long a hold that became empty is remembered, in milliseconds: longer than a call takes. A reply that was made
/// before the seats were gone, and arrives later, is recognised by its sequence number.
const LATE_REPLY_MS: Millis = 10_000;

/// The limits against hoarding. Times are in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HoardingRules {
    /// The most seats that one person holds at all screenings together.
    pub seats_everywhere_max: usize,
    /// A seat that a person has let go this often is refused to that person for one lock time.
    pub let_go_max: u32,
    /// How long a lock lasts.
    pub lock_ms: Millis,
    /// How long a payment lasts, and with it the locks of its seats.
    pub payment_ms: Millis,
}

impl HoardingRules {
    /// The longest time that a lock has left. A noted expiry further away is the result of a clock that was set back.
    #[must_use]
    pub fn longest_ms(&self) -> Millis {
        self.lock_ms.max(self.payment_ms)
    }
}

/// What a call that locks seats may do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LockLimits {
    /// The most seats that the person may hold at this screening after the call.
    pub seats_max: usize,
    /// The requested seats that are refused because the person has let them go too often.
    pub let_go_too_often: SeatList,
    /// The number of seats that the person holds at other screenings.
    pub held_elsewhere: usize,
    /// The number of seats that the person would hold at this screening.
    pub would_hold: usize,
    /// The number of seats that are counted as held until the call ends.
    reserved: usize,
}

impl LockLimits {
    /// The limits of a call for a person to whom only the limit of one screening applies.
    #[must_use]
    pub fn of_screening(seats_max: usize) -> Self {
        Self { seats_max, ..Self::default() }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct NotedSeat {
    id: SeatId,
    until: Millis,
    /// Whether the lock store has shown the lock. A call whose outcome is unknown may have locked its seats; they count
    /// as held, but their end is not a let-go.
    is_sure: bool,
}

#[derive(Clone, Debug)]
struct NotedHold {
    screening: ScreeningId,
    /// The sequence number of the newest hold that was noted. Replies may arrive out of order.
    seq: u64,
    /// When it was noted.
    noted_at: Millis,
    /// Seats that were bought a short time ago. Replies that were made before the sale, and arrive later, still have them.
    sold: SeatList,
    /// When seats were last bought.
    sold_at: Millis,
    /// Seats of running calls.
    reserved: usize,
    seats: SmallVec<[NotedSeat; 4]>,
}

impl NotedHold {
    fn has_just_sold(&self, now: Millis) -> bool {
        !self.sold.is_empty() && now < self.sold_at.saturating_add(LATE_REPLY_MS)
    }

    fn is_needed(&self, now: Millis) -> bool {
        let is_recent = self.seq > 0 && now < self.noted_at.saturating_add(LATE_REPLY_MS);
        self.reserved > 0 || !self.seats.is_empty() || is_recent || self.has_just_sold(now)
    }
}

#[derive(Clone, Copy, Debug)]
struct LetGo {
    screening: ScreeningId,
    seat: SeatId,
    times: u32,
    /// When the seat was last let go.
    at: Millis,
}

/// What a server knows of one person's holds and of the seats that the person has let go.
#[derive(Clone, Debug, Default)]
pub struct PersonHolds {
    /// Two screenings are stored without an allocation, so that refusing a call costs none.
    holds: SmallVec<[NotedHold; 2]>,
    let_go: Vec<LetGo>,
}

impl PersonHolds {
    /// Whether nothing is noted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.holds.is_empty() && self.let_go.is_empty()
    }

    /// When the last noted lock expires; `None` when the person holds nothing.
    #[must_use]
    pub fn held_until(&self) -> Option<Millis> {
        self.holds.iter().flat_map(|hold| &hold.seats).map(|seat| seat.until).max()
    }

    /// Removes what has expired.
    pub fn expire(&mut self, now: Millis, rules: &HoardingRules) {
        let longest = now.saturating_add(rules.longest_ms());
        let Self { holds, let_go } = self;
        for hold in holds.iter_mut() {
            let screening = hold.screening;
            (hold.noted_at, hold.sold_at) = (hold.noted_at.min(now), hold.sold_at.min(now));
            if !hold.has_just_sold(now) {
                hold.sold.clear();
            }
            hold.seats.retain(|seat| {
                seat.until = seat.until.min(longest);
                if seat.until <= now && seat.is_sure {
                    note_let_go(let_go, screening, seat.id, seat.until);
                }
                seat.until > now
            });
        }
        holds.retain(|hold| hold.is_needed(now));
        let_go.retain_mut(|entry| {
            entry.at = entry.at.min(now);
            now < entry.at.saturating_add(rules.lock_ms) || is_held(holds, entry.screening, entry.seat)
        });
    }

    /// Begins a call that locks `wanted`, sorted and without duplicates, and reserves its seats until
    /// [`Self::finish_lock`], so that concurrent calls cannot exceed the limit together.
    pub fn begin_lock(
        &mut self,
        screening: ScreeningId,
        wanted: &[SeatId],
        seats_per_person: usize,
        now: Millis,
        rules: &HoardingRules,
    ) -> LockLimits {
        self.expire(now, rules);
        let others = self.holds.iter().filter(|hold| hold.screening != screening);
        let held_elsewhere = others.map(|hold| hold.seats.len() + hold.reserved).sum();
        let held_here = self.find(screening).map_or(0, |hold| hold.seats.len());
        let is_new = |seat: &&SeatId| !is_held(&self.holds, screening, **seat);
        let is_refused = |seat: &&SeatId| self.is_refused(screening, **seat, now, rules);
        let new = wanted.iter().filter(is_new).count();
        let mut limits = LockLimits {
            seats_max: seats_per_person.min(rules.seats_everywhere_max.saturating_sub(held_elsewhere)),
            let_go_too_often: wanted.iter().filter(is_refused).copied().collect(),
            held_elsewhere,
            would_hold: held_here + new,
            reserved: 0,
        };
        // The lock store locks no seat of a call that asks for one of the refused seats.
        if limits.let_go_too_often.is_empty() {
            limits.reserved = new.min(limits.seats_max.saturating_sub(held_here));
        }
        if limits.reserved > 0 {
            self.find_or_insert(screening).reserved += limits.reserved;
        }
        limits
    }

    /// Ends a call that was refused: it has locked nothing.
    pub fn finish_refused(&mut self, screening: ScreeningId, limits: &LockLimits, now: Millis) {
        if let Some(hold) = self.holds.iter_mut().find(|hold| hold.screening == screening) {
            hold.reserved = hold.reserved.saturating_sub(limits.reserved);
        }
        self.holds.retain(|hold| hold.is_needed(now));
    }

    /// Ends a call that locked its seats, with the hold that it left.
    pub fn finish_held(
        &mut self,
        screening: ScreeningId,
        limits: &LockLimits,
        hold: &Hold,
        now: Millis,
        rules: &HoardingRules,
    ) {
        self.note(screening, hold, now, rules);
        self.finish_refused(screening, limits, now);
    }

    /// Ends a call whose outcome is unknown: its seats count as held for [`UNKNOWN_FOR_MS`], because it may have locked them.
    pub fn finish_unknown(
        &mut self,
        screening: ScreeningId,
        limits: &LockLimits,
        wanted: &[SeatId],
        now: Millis,
        rules: &HoardingRules,
    ) {
        let until = now.saturating_add(rules.lock_ms.min(UNKNOWN_FOR_MS));
        if limits.reserved > 0 {
            let hold = self.find_or_insert(screening);
            for seat in wanted.iter().take(limits.seats_max) {
                if !hold.seats.iter().any(|held| held.id == *seat) {
                    hold.seats.push(NotedSeat { id: *seat, until, is_sure: false });
                }
            }
        }
        self.finish_refused(screening, limits, now);
    }

    /// The screenings at which seats are noted, except for `here`.
    pub fn list_elsewhere(&self, here: ScreeningId) -> Vec<ScreeningId> {
        let others = self.holds.iter().filter(|hold| hold.screening != here && !hold.seats.is_empty());
        others.map(|hold| hold.screening).collect()
    }

    /// Notes a hold that the lock store has shown. Seats that are gone from it were let go; a sale is told by
    /// [`Self::sold`] before.
    pub fn note(&mut self, screening: ScreeningId, hold: &Hold, now: Millis, rules: &HoardingRules) {
        self.expire(now, rules);
        let was = self.find(screening).map(|was| (was.seq, was.seats.clone(), was.sold.clone()));
        let (was_seq, was, sold) = was.unwrap_or_default();
        // 0: the lock store has no such map, so it has lost the locks.
        if hold.seq < was_seq && hold.seq != 0 {
            return;
        }
        let is_lost = hold.seq == 0;
        // A lock that has just expired is gone, even if the reply was made before.
        let is_over = |until: Millis| until <= now && now < until.saturating_add(LATE_REPLY_MS);
        let held = || hold.seats.iter().filter(|seat| !is_over(seat.until) && !sold.contains(&seat.id));
        for seat in was.iter().filter(|seat| seat.is_sure && !is_lost && !held().any(|held| held.id == seat.id)) {
            note_let_go(&mut self.let_go, screening, seat.id, now);
        }
        // The lock store may have another clock than this server. A time that this server's clock makes impossible is
        // replaced by one whole lock time.
        let possible = now.saturating_add(1)..=now.saturating_add(rules.longest_ms());
        let until = |until| if possible.contains(&until) { until } else { now.saturating_add(rules.lock_ms) };
        let seats: SmallVec<_> =
            held().map(|seat| NotedSeat { id: seat.id, until: until(seat.until), is_sure: true }).collect();
        if !seats.is_empty() || self.find(screening).is_some() {
            let noted = self.find_or_insert(screening);
            (noted.seq, noted.noted_at, noted.seats) = (hold.seq, now, seats);
        }
        self.holds.retain(|hold| hold.is_needed(now));
    }

    /// Notes a sale: bought seats are neither held nor let go.
    pub fn sold(&mut self, screening: ScreeningId, seats: &[SeatId], now: Millis) {
        for hold in self.holds.iter_mut().filter(|hold| hold.screening == screening) {
            hold.seats.retain(|seat| !seats.contains(&seat.id));
            hold.sold.extend_from_slice(seats);
            hold.sold_at = now;
        }
        self.holds.retain(|hold| hold.is_needed(now));
        self.let_go.retain(|entry| entry.screening != screening || !seats.contains(&entry.seat));
    }

    #[cfg(test)]
    pub(super) fn count_let_go(&self) -> usize {
        self.let_go.len()
    }

    fn is_refused(&self, screening: ScreeningId, seat: SeatId, now: Millis, rules: &HoardingRules) -> bool {
        if rules.let_go_max >= LET_GO_UNLIMITED {
            return false;
        }
        let is_it = |entry: &&LetGo| entry.screening == screening && entry.seat == seat;
        let times = match self.let_go.iter().find(is_it) {
            Some(entry) => entry.times,
            None if self.let_go.len() >= LET_GO_SEATS_MAX => rules.let_go_max,
            None => 0,
        };
        let held = self.find(screening).and_then(|hold| hold.seats.iter().find(|held| held.id == seat));
        match held {
            None => times >= rules.let_go_max,
            Some(held) if held.is_sure && held.until <= now.saturating_add(EXPIRES_DURING_CALL_MS) => {
                times.saturating_add(1) >= rules.let_go_max
            }
            Some(_) => false,
        }
    }

    fn find(&self, screening: ScreeningId) -> Option<&NotedHold> {
        self.holds.iter().find(|hold| hold.screening == screening)
    }

    fn find_or_insert(&mut self, screening: ScreeningId) -> &mut NotedHold {
        let place = self.holds.iter().position(|hold| hold.screening == screening).unwrap_or_else(|| {
            self.holds.push(NotedHold {
                screening,
                seq: 0,
                noted_at: 0,
                sold: SeatList::new(),
                sold_at: 0,
                reserved: 0,
                seats: SmallVec::new(),
            });
            self.holds.len() - 1
        });
        &mut self.holds[place]
    }
}

fn is_held(holds: &[NotedHold], screening: ScreeningId, seat: SeatId) -> bool {
    let here = holds.iter().filter(|hold| hold.screening == screening);
    here.flat_map(|hold| &hold.seats).any(|held| held.id == seat)
}

fn note_let_go(let_go: &mut Vec<LetGo>, screening: ScreeningId, seat: SeatId, at: Millis) {
    if let Some(entry) = let_go.iter_mut().find(|entry| entry.screening == screening && entry.seat == seat) {
        entry.times = entry.times.saturating_add(1);
        entry.at = at;
        return;
    }
    if let_go.len() >= LET_GO_SEATS_MAX {
        return;
    }
    let_go.push(LetGo { screening, seat, times: 1, at });
}
