//! Throttles the audit events about refused calls of administrators' endpoints, so that a client cannot flood the audit
//! log.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use seatkeeper_core::ids::PersonId;

/// At most one audit event per person and route is written in this time.
const RECORDED_EVERY: SignedDuration = SignedDuration::from_secs(10);
/// Maximum number of remembered pairs of person and route. At the limit, refusals of further pairs are not recorded
/// until old pairs are removed.
const REMEMBERED_MAX: usize = 10_000;

/// Minimum time between two removals of old pairs: each scans the whole map.
const CLEANED_EVERY: SignedDuration = SignedDuration::from_secs(1);

/// The pairs of person and route for which an audit event was written recently.
#[derive(Debug, Default)]
pub(super) struct Refusals(Mutex<Recorded>);

#[derive(Debug, Default)]
struct Recorded {
    at: HashMap<(Option<PersonId>, String), Timestamp>,
    cleaned_at: Timestamp,
}

impl Refusals {
    /// Whether an audit event must be written about this attempt. If so, remembers its person and route.
    pub(super) fn should_record(&self, person: Option<PersonId>, route: &str, now: Timestamp) -> bool {
        let is_recent = |recorded: &Timestamp| now.duration_since(*recorded) < RECORDED_EVERY;
        let mut recorded = self.0.lock();
        let key = (person, route.to_owned());
        if recorded.at.get(&key).is_some_and(is_recent) {
            return false;
        }
        if recorded.at.len() >= REMEMBERED_MAX && now.duration_since(recorded.cleaned_at) >= CLEANED_EVERY {
            recorded.cleaned_at = now;
            recorded.at.retain(|_, at| is_recent(at));
        }
        if recorded.at.len() >= REMEMBERED_MAX {
            return false;
        }
        recorded.at.insert(key, now);
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
    fn one_refusal_per_person_and_route_is_logged_in_ten_seconds() {
        let refusals = Refusals::default();
        let recorded: Vec<i64> =
            (0..25).filter(|s| refusals.should_record(person(1), "/api/admin/mail", at(*s))).collect();
        assert_eq!(recorded, [0, 10, 20]);
        assert!(refusals.should_record(person(2), "/api/admin/mail", at(24)));
        assert!(refusals.should_record(person(1), "/api/admin/audit", at(24)));
        assert!(refusals.should_record(None, "/api/admin/audit", at(24)));
    }

    #[test]
    fn number_of_remembered_refusals_is_limited() {
        let refusals = Refusals::default();
        let recorded = (0..20_000).filter(|n| refusals.should_record(person(*n), "/x", at(0))).count();
        assert_eq!(recorded, REMEMBERED_MAX);
        assert!(refusals.should_record(person(30_000), "/x", at(10)));
        assert_eq!(refusals.0.lock().at.len(), 1);
    }
}
