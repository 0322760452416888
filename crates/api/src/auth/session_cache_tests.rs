use seatkeeper_core::{
    ids::PersonId,
    person::{Language, Role},
};
use uuid::Uuid;

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn person(number: u128) -> Arc<Person> {
    Arc::new(Person {
        id: PersonId::from_uuid(Uuid::from_u128(number)),
        issuer: "https://idp.example.test".to_owned(),
        name: format!("Person {number}"),
        email: format!("{number}@example.test"),
        is_email_verified: true,
        picture_url: None,
        role: Role::User,
        language: Language::Th,
    })
}

fn hash(number: u64) -> SessionHash {
    let mut hash = [0; 32];
    hash[..8].copy_from_slice(&number.to_le_bytes());
    hash
}

fn session(number: u64, began: Timestamp) -> Session {
    Session { hash: hash(number), person_id: person(number.into()).id, created_at: began, seen_at: began }
}

fn with(numbers: impl IntoIterator<Item = u64>, max: usize) -> SessionCache {
    let cache = SessionCache::new(max);
    for number in numbers {
        cache.insert(&session(number, at(0)), &person(number.into()), cache.version(), at(0));
    }
    cache
}

const HOUR_S: i64 = 3_600;

#[test]
fn cached_session_is_found_until_it_is_idle_for_twelve_hours() {
    let cache = with([1], 10);
    assert_eq!(cache.find(&hash(1), at(1)).map(|found| found.person.id), Some(person(1).id));
    assert_eq!(cache.find(&hash(2), at(1)), None);
    // Each use restarts the 12 hours.
    assert!(cache.find(&hash(1), at(12 * HOUR_S)).is_some());
    assert!(cache.find(&hash(1), at(24 * HOUR_S - 1)).is_some());
    assert!(cache.find(&hash(1), at(36 * HOUR_S - 1)).is_none());
    assert_eq!(cache.count(), 0, "the expired session was removed");
}

#[test]
fn session_in_use_expires_after_thirty_days() {
    let cache = with([1], 10);
    for hour in (0..30 * 24).step_by(6) {
        assert!(cache.find(&hash(1), at(hour * HOUR_S)).is_some(), "after {hour} hours");
    }
    assert!(cache.find(&hash(1), at(30 * 24 * HOUR_S)).is_none());
}

#[test]
fn refresh_of_a_cached_session_is_due_for_one_caller_a_minute() {
    let cache = with([1], 10);
    let is_due = |second| cache.find(&hash(1), at(second)).unwrap().is_refresh_due;
    let due: Vec<i64> = (0..200).filter(|second| is_due(*second)).collect();
    assert_eq!(due, [60, 120, 180]);
}

#[test]
fn session_that_ended_during_a_read_is_not_cached() {
    let cache = with([], 10);
    let version = cache.version();
    cache.invalidate(&hash(1));
    cache.insert(&session(1, at(0)), &person(1), version, at(0));
    assert_eq!(cache.find(&hash(1), at(0)), None);
    cache.insert(&session(1, at(0)), &person(1), cache.version(), at(0));
    assert!(cache.find(&hash(1), at(0)).is_some());
}

#[test]
fn ended_sessions_are_removed_from_the_cache_and_others_are_kept() {
    let cache = with(0..100, 1_000);
    cache.remove(&[hash(3), hash(50), hash(777)]);
    let left: Vec<u64> = (0..100).filter(|number| cache.find(&hash(*number), at(0)).is_none()).collect();
    assert_eq!(left, [3, 50]);
    cache.clear();
    assert_eq!(cache.count(), 0);
}

#[test]
fn session_cache_at_its_limit_keeps_sessions_in_use() {
    let cache = with([0], 100);
    for number in 1..10_000 {
        cache.insert(&session(number, at(0)), &person(number.into()), cache.version(), at(0));
        assert!(cache.find(&hash(0), at(0)).is_some(), "in use at {number}");
        assert!(cache.count() <= 101);
    }
}

#[test]
fn changed_person_is_updated_in_all_cached_sessions() {
    let cache = SessionCache::new(10);
    for number in [1, 2] {
        let session = Session { person_id: person(7).id, ..session(number, at(0)) };
        cache.insert(&session, &person(7), cache.version(), at(0));
    }
    cache.insert(&session(3, at(0)), &person(3), cache.version(), at(0));
    let version = cache.version();
    let changed = Arc::new(Person { language: Language::En, ..(*person(7)).clone() });
    cache.update_person(&changed);
    let language = |number| cache.find(&hash(number), at(0)).unwrap().person.language;
    assert_eq!([1, 2, 3].map(language), [Language::En, Language::En, Language::Th]);
    cache.insert(&session(9, at(0)), &person(7), version, at(0));
    assert_eq!(cache.find(&hash(9), at(0)), None, "read before the change");
}
