//! Refused attempts at administrators' pages, told to the audit log, but not so often that the log is all about them.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use seatkeeper_core::ids::PersonId;

/// One attempt of a person at a page is told in so long.
const TOLD_EVERY: SignedDuration = SignedDuration::from_secs(10);
/// Persons and pages remembered at once. Beyond them nothing is told until the oldest are 10 s old.
const REMEMBERED_MAX: usize = 10_000;

/// What is too old is looked for this often at most: it means looking at everything.
const CLEANED_EVERY: SignedDuration = SignedDuration::from_secs(1);

/// What was told a short while ago.
#[derive(Debug, Default)]
pub(super) struct Refusals(Mutex<Told>);

#[derive(Debug, Default)]
struct Told {
    at: HashMap<(Option<PersonId>, String), Timestamp>,
    cleaned_at: Timestamp,
}

impl Refusals {
    /// Whether this attempt is to be told.
    pub(super) fn is_worth_telling(&self, person: Option<PersonId>, route: &str, now: Timestamp) -> bool {
        let is_recent = |told: &Timestamp| now.duration_since(*told) < TOLD_EVERY;
        let mut told = self.0.lock();
        let key = (person, route.to_owned());
        if told.at.get(&key).is_some_and(is_recent) {
            return false;
        }
        if told.at.len() >= REMEMBERED_MAX && now.duration_since(told.cleaned_at) >= CLEANED_EVERY {
            told.cleaned_at = now;
            told.at.retain(|_, at| is_recent(at));
        }
        if told.at.len() >= REMEMBERED_MAX {
            return false;
        }
        told.at.insert(key, now);
        true
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn person(number: u128) -> Option<PersonId> {
        Some(PersonId::from_uuid(Uuid::from_u128(number)))
    }

    #[test]
    fn one_attempt_of_a_person_at_a_page_in_ten_seconds() {
        let refusals = Refusals::default();
        let told: Vec<i64> =
            (0..25).filter(|s| refusals.is_worth_telling(person(1), "/api/admin/mail", at(*s))).collect();
        assert_eq!(told, [0, 10, 20]);
        assert!(refusals.is_worth_telling(person(2), "/api/admin/mail", at(24)));
        assert!(refusals.is_worth_telling(person(1), "/api/admin/audit", at(24)));
        assert!(refusals.is_worth_telling(None, "/api/admin/audit", at(24)));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let refusals = Refusals::default();
        let told = (0..20_000).filter(|n| refusals.is_worth_telling(person(*n), "/x", at(0))).count();
        assert_eq!(told, REMEMBERED_MAX);
        assert!(refusals.is_worth_telling(person(30_000), "/x", at(10)));
        assert_eq!(refusals.0.lock().at.len(), 1);
    }
}
