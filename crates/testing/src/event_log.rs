//! The contract suite for [`EventLog`](seatkeeper_core::ports::EventLog), which may be a separate system from the
//! store.

use std::time::Duration;

use super::{
    SeededEntropy, sample_now,
    store_fixture::{EVENTS_MAX, must},
};
use seatkeeper_core::{
    event::{Event, EventKind},
    money::Money,
    ports::{Consumer, EventLog, LoggedEvent},
};

/// The interval at which a test polls the log for events that have not arrived yet.
const ASK_EVERY: Duration = Duration::from_millis(20);
/// The most polls for an event: half a minute.
const ASK_TIMES_MAX: usize = 1500;

/// Runs the suite on an empty log.
pub async fn run_all(log: &impl EventLog) {
    assert!(must(log.list_next(Consumer::Mail, EVENTS_MAX).await).is_empty());
    assert_eq!(must(log.lag(Consumer::Mail).await), 0);
    let events = events();
    an_event_is_published_once(log, &events).await;
    consumer_resumes_after_its_last_acknowledgement(log, &events).await;
    administrators_read_the_log_in_pages(log, &events).await;
}

fn events() -> Vec<Event> {
    let ids = SeededEntropy::new(3);
    let audit = |action: &str| EventKind::AuditLog {
        action: action.to_owned(),
        subject: Some("/api/admin/movies".to_owned()),
        details: serde_json::json!({ "title": "ฝน" }),
    };
    let refund = EventKind::PaymentRefunded {
        payment_id: seatkeeper_core::ids::PaymentId::from_uuid(ids.next_uuid()),
        booking_id: None,
        amount: Money::satang(20_000),
        reason: "late".to_owned(),
    };
    let kinds = [audit("one"), refund, audit("three"), audit("four"), audit("five")];
    kinds.into_iter().map(|kind| Event::new(sample_now(), &ids, kind)).collect()
}

fn events_of(logged: Vec<LoggedEvent>) -> Vec<Event> {
    assert!(logged.is_sorted_by(|a, b| a.position < b.position), "positions grow");
    logged.into_iter().map(|logged| logged.event).collect()
}

/// Polls until the consumer has `count` next events. Events may take a while from the publisher to the consumer.
async fn next(log: &impl EventLog, consumer: Consumer, limit: u32, count: usize) -> Vec<LoggedEvent> {
    for _ in 0..ASK_TIMES_MAX {
        let events = must(log.list_next(consumer, limit).await);
        if events.len() >= count {
            return events;
        }
        // Poll, because the log does not notify of new events.
        tokio::time::sleep(ASK_EVERY).await;
    }
    unreachable!("{count} events for {} did not arrive", consumer.as_ref())
}

async fn an_event_is_published_once(log: &impl EventLog, events: &[Event]) {
    must(log.publish(&events[..2]).await);
    must(log.publish(&events[1..4]).await);
    must(log.publish(&[]).await);
    let logged = next(log, Consumer::Mail, EVENTS_MAX, 4).await;
    assert_eq!(events_of(logged), events[..4], "in order, whole");
}

async fn consumer_resumes_after_its_last_acknowledgement(log: &impl EventLog, events: &[Event]) {
    let first = must(log.list_next(Consumer::Mail, 2).await);
    assert_eq!(events_of(first.clone()), events[..2]);
    assert_eq!(must(log.list_next(Consumer::Mail, 2).await), first, "until it is acknowledged");
    must(log.acknowledge(Consumer::Mail, first[1].position).await);
    assert_eq!(must(log.lag(Consumer::Mail).await), 2);
    assert_eq!(must(log.lag(Consumer::Audit).await), 4, "consumers do not wait for each other");
    must(log.acknowledge(Consumer::Mail, first[0].position).await);
    assert_eq!(must(log.lag(Consumer::Mail).await), 2, "the offset never moves back");
    assert_eq!(events_of(must(log.list_next(Consumer::Mail, EVENTS_MAX).await)), events[2..4]);
    must(log.publish(&events[4..]).await);
    let rest = next(log, Consumer::Mail, EVENTS_MAX, 3).await;
    must(log.acknowledge(Consumer::Mail, rest[2].position).await);
    assert!(must(log.list_next(Consumer::Mail, EVENTS_MAX).await).is_empty());
    assert_eq!(must(log.lag(Consumer::Mail).await), 0);
    assert_eq!(events_of(next(log, Consumer::Audit, EVENTS_MAX, 5).await), events);
}

async fn administrators_read_the_log_in_pages(log: &impl EventLog, events: &[Event]) {
    let all = must(log.list_events(-1, None, EVENTS_MAX).await);
    assert_eq!(events_of(all.clone()), events);
    assert_eq!(must(log.list_events(all[0].position, None, 2).await), all[1..3], "after, and so many");
    let refunds = must(log.list_events(-1, Some("PAYMENT_REFUNDED"), EVENTS_MAX).await);
    assert_eq!(refunds, all[1..2]);
    assert!(must(log.list_events(-1, Some("NO_SUCH_TYPE"), EVENTS_MAX).await).is_empty());
    assert!(must(log.list_events(all[4].position, None, EVENTS_MAX).await).is_empty());
}
