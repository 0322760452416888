//! Leases that a crashed server has left.

use jiff::SignedDuration;
use seatkeeper_core::{
    ids::PersonId,
    ports::{IdempotencyKey, MailQueue, Outbox, Reservation, Reservations},
};
use seatkeeper_testing::{SeededEntropy, mail_of, sample_now};
use tempfile::TempDir;

use crate::sqlite::SqliteStore;

#[tokio::test]
async fn next_server_takes_over_the_leases_of_a_dead_server_at_once() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("store.sqlite");
    let (ids, now) = (SeededEntropy::new(9), sample_now());
    let later = now + SignedDuration::from_hours(1);
    let person_id = PersonId::from_uuid(ids.next_uuid());
    let key = IdempotencyKey { person_id, call: "POST /api/payments".into(), key: "once".into() };
    let mail = mail_of(&ids, now);
    let (subject, other) = (ids.next_uuid(), ids.next_uuid());

    let store = SqliteStore::open(&path).unwrap();
    let first = store.reserve(&key, [1; 32], subject, now, later).await.unwrap();
    assert_eq!(first, Reservation::Run { subject });
    assert!(store.take_relay_lease(subject, now, later).await.unwrap());
    store.file_mail(&mail).await.unwrap();
    assert_eq!(store.take_due_mails(now, later, 9).await.unwrap().len(), 1);
    assert_eq!(store.reserve(&key, [1; 32], other, now, later).await.unwrap(), Reservation::Running);
    assert!(!store.take_relay_lease(other, now, later).await.unwrap());
    assert!(store.take_due_mails(now, later, 9).await.unwrap().is_empty());
    drop(store);

    let store = SqliteStore::open(&path).unwrap();
    let again = store.reserve(&key, [1; 32], other, now, later).await.unwrap();
    assert_eq!(again, Reservation::Run { subject }, "the same work is repeated");
    assert!(store.take_relay_lease(other, now, later).await.unwrap());
    assert_eq!(store.take_due_mails(now, later, 9).await.unwrap().len(), 1);
}
