//! When a hall is occupied, and which of its screenings overlap. Both stores convert their rows to these types.

use std::collections::HashMap;

use jiff::SignedDuration;

use crate::ids::{HallId, ScreeningId};

/// The longest film, in minutes.
pub const DURATION_MIN_MAX: u32 = 1_440;
/// The longest cleaning time after a film, in minutes. It bounds how far back the screenings of a hall are read.
pub const CLEANING_MIN_MAX: u32 = 240;
/// The longest time for which a screening occupies its hall: the longest film and the longest cleaning.
pub const HALL_TAKEN_FOR_MAX: SignedDuration = SignedDuration::from_mins((DURATION_MIN_MAX + CLEANING_MIN_MAX) as i64);

/// The time for which a screening occupies its hall. Times are milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HallSlot {
    /// The screening.
    pub screening_id: ScreeningId,
    /// The hall.
    pub hall_id: HallId,
    /// The start of the film.
    pub start_ms: i64,
    /// The end of the film.
    pub end_ms: i64,
    /// When the hall is free again: the end of the film and the cleaning.
    pub free_ms: i64,
}

impl HallSlot {
    /// The slot of a stored screening. `stored_free_ms` may be too early, because earlier versions of the program did
    /// not update it when the film's length changed; the hall is never free before the film is over.
    #[must_use]
    pub fn of_stored(
        screening_id: ScreeningId,
        hall_id: HallId,
        start_ms: i64,
        film_ms: i64,
        stored_free_ms: i64,
    ) -> Self {
        let end_ms = start_ms.saturating_add(film_ms);
        Self { screening_id, hall_id, start_ms, end_ms, free_ms: stored_free_ms.max(end_ms) }
    }

    /// The slot of this screening if its film runs `film_ms`, with the planned cleaning time.
    #[must_use]
    pub fn with_film_ms(self, film_ms: i64) -> Self {
        let end_ms = self.start_ms.saturating_add(film_ms);
        Self { end_ms, free_ms: end_ms.saturating_add(self.free_ms - self.end_ms), ..self }
    }

    /// Whether two screenings need one hall at the same time. A screening may start at the instant at which the hall is
    /// free again.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.screening_id != other.screening_id
            && self.hall_id == other.hall_id
            && self.start_ms < other.free_ms
            && other.start_ms < self.free_ms
    }
}

/// The screenings among `others` that overlap `slot`, in order of id.
#[must_use]
pub fn list_overlaps(slot: &HallSlot, others: &[HallSlot]) -> Vec<ScreeningId> {
    let mut ids: Vec<_> = others.iter().filter(|other| slot.overlaps(other)).map(|other| other.screening_id).collect();
    ids.sort_unstable();
    ids
}

/// The screenings that would overlap if the slots in `changed` replaced theirs in `now`, sorted by id and without
/// duplicates. Pairs that overlap already are left out: an old overlap must not prevent an administrator from changing
/// a film's length.
#[must_use]
pub fn list_new_overlaps(now: &[HallSlot], changed: &[HallSlot]) -> Vec<ScreeningId> {
    let before: HashMap<ScreeningId, &HallSlot> = now.iter().map(|slot| (slot.screening_id, slot)).collect();
    let mut after: HashMap<ScreeningId, HallSlot> = now.iter().map(|slot| (slot.screening_id, *slot)).collect();
    after.extend(changed.iter().map(|slot| (slot.screening_id, *slot)));
    let mut after: Vec<HallSlot> = after.into_values().collect();
    after.sort_unstable_by_key(|slot| (slot.hall_id, slot.start_ms));
    let overlapped = |a: &HallSlot, b: &HallSlot| match (before.get(&a.screening_id), before.get(&b.screening_id)) {
        (Some(a), Some(b)) => a.overlaps(b),
        _ => false,
    };
    let mut ids = Vec::new();
    for (index, slot) in after.iter().enumerate() {
        let near = after[index + 1..].iter();
        let near = near.take_while(|next| next.hall_id == slot.hall_id && next.start_ms < slot.free_ms);
        for next in near.filter(|next| slot.overlaps(next) && !overlapped(slot, next)) {
            ids.extend([slot.screening_id, next.screening_id]);
        }
    }
    ids.sort_unstable();
    ids.dedup();
    ids
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    /// A screening in a hall, with a film from minute `from` that runs `film` minutes, followed by 15 minutes of
    /// cleaning.
    fn slot(number: u128, hall: u128, from: i64, film: i64) -> HallSlot {
        let (id, hall) = (ScreeningId::from_uuid(Uuid::from_u128(number)), HallId::from_uuid(Uuid::from_u128(hall)));
        HallSlot::of_stored(id, hall, from * 60_000, film * 60_000, (from + film + 15) * 60_000)
    }

    fn ids(numbers: &[u128]) -> Vec<ScreeningId> {
        numbers.iter().map(|number| ScreeningId::from_uuid(Uuid::from_u128(*number))).collect()
    }

    #[test]
    fn hall_slot_keeps_its_cleaning_time_when_the_film_gets_longer() {
        let longer = slot(1, 1, 0, 90).with_film_ms(150 * 60_000);
        assert_eq!((longer.end_ms, longer.free_ms), (150 * 60_000, 165 * 60_000));
    }

    #[test]
    fn a_hall_is_never_free_before_the_film_is_over() {
        let one = slot(1, 1, 0, 90);
        let stale = HallSlot::of_stored(one.screening_id, one.hall_id, 0, 150 * 60_000, one.free_ms);
        assert_eq!((stale.end_ms, stale.free_ms), (150 * 60_000, 150 * 60_000));
    }

    #[test]
    fn slots_overlap_only_in_the_same_hall_and_not_when_one_starts_as_the_other_ends() {
        let one = slot(1, 1, 0, 90);
        let others = [one, slot(2, 1, 105, 90), slot(3, 1, 104, 90), slot(4, 2, 0, 90), slot(5, 1, -105, 90)];
        assert_eq!(list_overlaps(&one, &others), ids(&[3]));
    }

    #[test]
    fn longer_film_overlaps_neighbouring_screenings_of_any_film_in_the_hall() {
        let now = [slot(1, 1, 0, 90), slot(2, 1, 120, 60), slot(3, 1, 200, 90), slot(4, 2, 120, 60)];
        let changed = [now[0].with_film_ms(150 * 60_000), now[2].with_film_ms(150 * 60_000)];
        assert_eq!(list_new_overlaps(&now, &changed), ids(&[1, 2]));
        let changed = [now[0].with_film_ms(190 * 60_000), now[2].with_film_ms(190 * 60_000)];
        assert_eq!(list_new_overlaps(&now, &changed), ids(&[1, 2, 3]));
        assert_eq!(list_new_overlaps(&now, &[now[0].with_film_ms(105 * 60_000)]), ids(&[]), "free at the very start");
    }

    #[test]
    fn overlap_that_exists_before_a_change_does_not_count_as_new() {
        let now = [slot(1, 1, 0, 150), slot(2, 1, 120, 60)];
        assert_eq!(list_new_overlaps(&now, &[now[0].with_film_ms(140 * 60_000)]), ids(&[]));
        assert_eq!(list_new_overlaps(&now, &[]), ids(&[]));
    }
}
