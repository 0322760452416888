//! What may be lost is forgotten after a while, and nothing else.

use jiff::{SignedDuration, Timestamp};
use seatkeeper_core::{
    event::{Event, EventKind},
    ids::{BookingId, EventId, MailId},
    person::Language,
    ports::{Consumer, EventLog, MailAttempt, MailQueue, NewMail, PageRequest},
    testing::{SeededEntropy, sample_now},
};
use tempfile::TempDir;

use crate::sqlite::SqliteStore;

const DAY: SignedDuration = SignedDuration::from_hours(24);

fn open() -> (SqliteStore, SeededEntropy, TempDir) {
    let folder = TempDir::new().unwrap();
    (SqliteStore::open(&folder.path().join("store.sqlite")).unwrap(), SeededEntropy::new(5), folder)
}

async fn publish(store: &SqliteStore, ids: &SeededEntropy, at: Timestamp, count: usize) {
    let kind = EventKind::AuditLog { action: "done".into(), subject: None, details: serde_json::Value::Null };
    let events: Vec<Event> = (0..count).map(|_| Event::new(at, ids, kind.clone())).collect();
    store.publish(&events).await.unwrap();
}

async fn positions(store: &SqliteStore) -> Vec<i64> {
    let logged = store.list_events(0, None, 200).await.unwrap();
    logged.into_iter().map(|logged| logged.position).collect()
}

#[tokio::test]
async fn events_that_all_consumers_have_done_are_forgotten_after_thirty_days() {
    let (store, ids, _folder) = open();
    let began = sample_now();
    publish(&store, &ids, began, 3).await;
    store.acknowledge(Consumer::Audit, 3).await.unwrap();
    publish(&store, &ids, began + 40 * DAY, 1).await;
    assert_eq!(positions(&store).await, [1, 2, 3, 4], "one consumer has not even begun");

    store.acknowledge(Consumer::Mail, 2).await.unwrap();
    publish(&store, &ids, began + 30 * DAY, 1).await;
    assert_eq!(positions(&store).await, [1, 2, 3, 4, 5], "to the last moment");
    publish(&store, &ids, began + 30 * DAY + SignedDuration::from_secs(1), 1).await;
    assert_eq!(positions(&store).await, [3, 4, 5, 6], "what only one has done stays");
    store.acknowledge(Consumer::Mail, 3).await.unwrap();
    publish(&store, &ids, began + 41 * DAY, 1).await;
    assert_eq!(positions(&store).await, [4, 5, 6, 7]);
    let next = store.list_next(Consumer::Mail, 9).await.unwrap();
    assert_eq!(next.iter().map(|logged| logged.position).collect::<Vec<_>>(), [4, 5, 6, 7]);
}

#[tokio::test]
async fn sent_mails_are_forgotten_after_ninety_days_and_others_stay() {
    let (store, ids, _folder) = open();
    let began = sample_now();
    let file = async |created_at| {
        let mail = NewMail {
            id: MailId::from_uuid(ids.next_uuid()),
            event_id: EventId::from_uuid(ids.next_uuid()),
            booking_id: BookingId::from_uuid(ids.next_uuid()),
            booking_code: "AB2C3D4E".into(),
            to: "ann@example.test".into(),
            name: "Ann".into(),
            language: Language::En,
            created_at,
        };
        store.file_mail(&mail).await.unwrap();
        mail.id
    };
    let (sent, failed, waiting) = (file(began).await, file(began).await, file(began).await);
    store.record_attempt(sent, &MailAttempt::Sent).await.unwrap();
    store.record_attempt(failed, &MailAttempt::Failed { error: "no".into() }).await.unwrap();
    file(began + 90 * DAY - SignedDuration::from_secs(1)).await;
    assert_eq!(store.list_mails(None, PageRequest::FIRST).await.unwrap().items.len(), 4);
    file(began + 90 * DAY).await;
    assert_eq!(store.find_mail(sent).await.unwrap(), None);
    for kept in [failed, waiting] {
        assert!(store.find_mail(kept).await.unwrap().is_some());
    }
    assert_eq!(store.list_mails(None, PageRequest::FIRST).await.unwrap().items.len(), 4);
}
