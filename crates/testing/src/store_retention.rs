//! The contract suite for retention: which records a store deletes after a time, and which it never deletes.

use jiff::{SignedDuration, Timestamp};

use super::{
    SeededEntropy, event_of, mail_of, sample_now,
    store_fixture::{EVENTS_MAX, StoreFixture, must},
};
use seatkeeper_core::{
    event::{Event, EventKind, ReleasedBecause},
    ids::{EventId, MailId},
    money::Money,
    ports::{AuditFilter, AuditKept, AuditLog, Consumer, EventLog, MailAttempt, MailQueue, PageRequest, Store},
};

const DAY: SignedDuration = SignedDuration::from_hours(24);
const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// Runs the suite on a store.
pub async fn run_all<F: StoreFixture<Store: EventLog>>(fixture: &F) {
    acknowledged_events_are_deleted_after_30_days(fixture).await;
    event_half_a_second_younger_than_30_days_stays(fixture).await;
    sent_mails_are_deleted_after_90_days_and_others_stay(fixture).await;
    audit_log_keeps_changes_and_money_and_deletes_the_rest_after_its_time(fixture).await;
    audit_log_full_of_old_entries_is_emptied_in_small_batches(fixture).await;
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
    must(store.record_attempt(sent, "a@example.test", &MailAttempt::Sent).await);
    must(store.record_attempt(failed, "a@example.test", &MailAttempt::Failed { error: "no".into() }).await);
    file(&*store, &ids, began + 90 * DAY - SECOND).await;
    assert_eq!(count().await, 4);
    file(&*store, &ids, began + 90 * DAY).await;
    assert_eq!(must(store.find_mail(sent).await), None);
    for kept in [failed, waiting] {
        assert!(must(store.find_mail(kept).await).is_some());
    }
    assert_eq!(count().await, 4);
}

/// A batch of deleted entries of the audit log must not be larger: sales wait meanwhile.
const BATCH_ENTRIES_MAX: usize = 200;

fn released(ids: &SeededEntropy, at: Timestamp) -> Event {
    Event::new(at, ids, EventKind::SeatReleased { seat_ids: Vec::new(), reason: ReleasedBecause::Expired })
}

async fn audited(store: &impl AuditLog) -> Vec<EventId> {
    let (mut all, mut page) = (Vec::new(), PageRequest::FIRST);
    loop {
        let found = must(store.list_audit(&AuditFilter::default(), page).await);
        all.extend(found.items.into_iter().map(|event| event.id));
        page.after = found.next;
        if page.after.is_none() {
            return all;
        }
    }
}

async fn forget_all(store: &impl AuditLog, kept: AuditKept) {
    while must(store.forget_audit(&kept).await) {}
}

async fn audit_log_keeps_changes_and_money_and_deletes_the_rest_after_its_time(fixture: &impl StoreFixture) {
    let (store, ids, began) = (fixture.open_empty().await, SeededEntropy::new(7), sample_now());
    let payment_id = seatkeeper_core::ids::PaymentId::from_uuid(ids.next_uuid());
    let (amount, reason) = (Money::satang(20_000), "late".to_owned());
    let of_day = |day: i32| {
        let at = began + DAY * day;
        let money = EventKind::PaymentRefunded { payment_id, booking_id: None, amount, reason: reason.clone() };
        let passing = ["admin_refused", "sign_in", "sign_out"].map(|action| event_of(&ids, at, action));
        (released(&ids, at), passing, [event_of(&ids, at, "movie_updated"), Event::new(at, &ids, money)])
    };
    let (first, second, third) = (of_day(0), of_day(60), of_day(120));
    for (release, passing, lasting) in [&first, &second, &third] {
        must(store.append_audit(std::slice::from_ref(release)).await);
        must(store.append_audit(passing).await);
        must(store.append_audit(lasting).await);
    }
    assert_eq!(audited(&*store).await.len(), 18);
    forget_all(&*store, AuditKept { released_from: began, refused_from: began }).await;
    assert_eq!(audited(&*store).await.len(), 18, "what happened exactly then is kept");

    forget_all(&*store, AuditKept { released_from: began + DAY * 120, refused_from: began + DAY * 60 }).await;
    let left = audited(&*store).await;
    assert!(!left.contains(&first.0.id) && !left.contains(&second.0.id) && left.contains(&third.0.id), "releases");
    assert!(first.1.iter().all(|event| !left.contains(&event.id)), "refused attempts and sign-ins");
    assert!(second.1.iter().chain(&third.1).all(|event| left.contains(&event.id)));
    let lasting = [&first, &second, &third].into_iter().flat_map(|day| &day.2);
    assert!(lasting.clone().all(|event| left.contains(&event.id)), "changes and money stay");

    let end = began + DAY * 500;
    forget_all(&*store, AuditKept { released_from: end, refused_from: end }).await;
    let mut left = audited(&*store).await;
    let mut lasting: Vec<EventId> = lasting.map(|event| event.id).collect();
    left.sort_unstable();
    lasting.sort_unstable();
    assert_eq!(left, lasting);
}

async fn audit_log_full_of_old_entries_is_emptied_in_small_batches(fixture: &impl StoreFixture) {
    let (store, ids, began) = (fixture.open_empty().await, SeededEntropy::new(8), sample_now());
    // All at one time, as after the import of a log: the order among them is that of their ids.
    let releases: Vec<Event> = (0..300).map(|_| released(&ids, began)).collect();
    let refusals: Vec<Event> = (0..300).map(|_| event_of(&ids, began, "admin_refused")).collect();
    let change = event_of(&ids, began, "hall_created");
    for some in releases.chunks(100).chain(refusals.chunks(100)) {
        must(store.append_audit(some).await);
    }
    must(store.append_audit(std::slice::from_ref(&change)).await);
    let kept = AuditKept { released_from: began + DAY, refused_from: began + DAY };
    let mut before = audited(&*store).await.len();
    loop {
        let has_more = must(store.forget_audit(&kept).await);
        let after = audited(&*store).await.len();
        assert!(before - after <= BATCH_ENTRIES_MAX, "{before} − {after}");
        before = after;
        if !has_more {
            break;
        }
    }
    assert_eq!(audited(&*store).await, [change.id]);
}
