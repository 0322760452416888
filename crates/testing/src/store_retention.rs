//! The contract suite for retention: which records a store deletes after a time, and which it never deletes.

use jiff::{SignedDuration, Timestamp};

use super::{
    SeededEntropy, event_of, mail_of, sample_now,
    store_fixture::{EVENTS_MAX, StoreFixture, must},
};
use seatkeeper_core::{
    event::{Event, EventKind},
    ids::MailId,
    ports::{Consumer, EventLog, MailAttempt, MailQueue, PageRequest, Store},
};

const DAY: SignedDuration = SignedDuration::from_hours(24);
const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// Runs the suite on a store.
pub async fn run_all<F: StoreFixture<Store: EventLog>>(fixture: &F) {
    acknowledged_events_are_deleted_after_30_days(fixture).await;
    event_half_a_second_younger_than_30_days_stays(fixture).await;
    sent_mails_are_deleted_after_90_days_and_others_stay(fixture).await;
}

async fn publish(log: &impl EventLog, ids: &SeededEntropy, at: Timestamp, names: &[&str]) {
    let events: Vec<Event> = names.iter().map(|name| event_of(ids, at, name)).collect();
    must(log.publish(&events).await);
}

/// The actions and positions of the events in the log.
async fn logged(log: &impl EventLog) -> Vec<(String, i64)> {
    let logged = must(log.list_events(0, None, EVENTS_MAX).await);
    let name = |kind: EventKind| match kind {
        EventKind::AuditLog { action, .. } => action,
        other => unreachable!("{other:?}"),
    };
    logged.into_iter().map(|logged| (name(logged.event.kind), logged.position)).collect()
}

async fn names(log: &impl EventLog) -> String {
    logged(log).await.into_iter().map(|(name, _)| name).collect()
}

async fn acknowledged_events_are_deleted_after_30_days<F: StoreFixture<Store: EventLog>>(fixture: &F) {
    let (store, ids) = (fixture.open_empty().await, SeededEntropy::new(5));
    let (log, began) = (&*store, sample_now());
    publish(log, &ids, began, &["a", "b", "c"]).await;
    let place: Vec<i64> = logged(log).await.into_iter().map(|(_, place)| place).collect();
    must(log.acknowledge(Consumer::Audit, place[2]).await);
    publish(log, &ids, began + 40 * DAY, &["d"]).await;
    assert_eq!(names(log).await, "abcd", "one consumer has acknowledged nothing");

    must(log.acknowledge(Consumer::Mail, place[1]).await);
    publish(log, &ids, began + 30 * DAY, &["e"]).await;
    assert_eq!(names(log).await, "abcde", "not before 30 days are over");
    publish(log, &ids, began + 30 * DAY + SECOND, &["f"]).await;
    assert_eq!(names(log).await, "cdef", "an event that one consumer has not acknowledged stays");
    must(log.acknowledge(Consumer::Mail, place[2]).await);
    publish(log, &ids, began + 41 * DAY, &["g"]).await;
    assert_eq!(names(log).await, "defg");
    assert_eq!(must(log.list_next(Consumer::Mail, EVENTS_MAX).await).len(), 4);
}

/// A store that compares times as text must not treat `…00.500Z` as earlier than `…00Z`.
async fn event_half_a_second_younger_than_30_days_stays<F: StoreFixture<Store: EventLog>>(fixture: &F) {
    let (store, ids) = (fixture.open_empty().await, SeededEntropy::new(5));
    let (log, began) = (&*store, sample_now());
    publish(log, &ids, began - SECOND, &["a"]).await;
    publish(log, &ids, began + SignedDuration::from_millis(500), &["b"]).await;
    for &consumer in Consumer::ALL {
        let last = logged(log).await.last().map_or(0, |(_, place)| *place);
        must(log.acknowledge(consumer, last).await);
    }
    publish(log, &ids, began + 30 * DAY, &["c"]).await;
    assert_eq!(names(log).await, "bc");
}

async fn file<S: Store>(store: &S, ids: &SeededEntropy, created_at: Timestamp) -> MailId {
    let mail = mail_of(ids, created_at);
    must(store.file_mail(&mail).await);
    mail.id
}

async fn sent_mails_are_deleted_after_90_days_and_others_stay(fixture: &impl StoreFixture) {
    let (store, ids, began) = (fixture.open_empty().await, SeededEntropy::new(6), sample_now());
    let count = async || must(store.list_mails(None, PageRequest::FIRST).await).items.len();
    let sent = file(&*store, &ids, began).await;
    let (failed, waiting) = (file(&*store, &ids, began).await, file(&*store, &ids, began).await);
    must(store.record_attempt(sent, &MailAttempt::Sent).await);
    must(store.record_attempt(failed, &MailAttempt::Failed { error: "no".into() }).await);
    file(&*store, &ids, began + 90 * DAY - SECOND).await;
    assert_eq!(count().await, 4);
    file(&*store, &ids, began + 90 * DAY).await;
    assert_eq!(must(store.find_mail(sent).await), None);
    for kept in [failed, waiting] {
        assert!(must(store.find_mail(kept).await).is_some());
    }
    assert_eq!(count().await, 4);
}
