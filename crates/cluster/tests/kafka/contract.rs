//! The contract suite of event logs, and the messages that other programs read from Kafka.

use std::{collections::HashSet, time::Duration};

use rdkafka::Message;
use seatkeeper_core::{
    event::Event,
    ports::{Consumer, EventLog, Health},
};
use seatkeeper_testing::event_log;

use seatkeeper_testbed::wait_until;

use crate::scene::{Scene, assert_in_order, events_of, ids_of};

/// Limit of the messages that a server buffers.
const BUFFERED_MESSAGES_MAX: usize = 1024;

#[tokio::test(flavor = "multi_thread")]
async fn kafka_passes_the_suite_of_the_event_log() {
    let server = Scene::shared().await.server();
    wait_until("the topics exist", || async { server.lag(Consumer::Mail).await.is_ok() }).await;
    event_log::run_all(&*server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn message_of_an_event_is_its_json_with_its_screening_as_key() {
    let scene = Scene::shared().await;
    let events = events_of(5, 20, 1);
    scene.publish(&scene.server(), &events).await;
    let messages = scene.messages("booking_events", events.len()).await;
    let mut came: Vec<Event> = Vec::new();
    for message in &messages {
        let event: Event = serde_json::from_slice(message.payload().unwrap()).unwrap();
        let json: serde_json::Value = serde_json::from_slice(message.payload().unwrap()).unwrap();
        let fields: HashSet<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(fields, HashSet::from(["id", "type", "version", "at", "screening_id", "actor", "data"]));
        assert_eq!(message.key().unwrap(), event.key().as_bytes());
        came.push(event);
    }
    assert_eq!(came.len(), events.len(), "each event once");
    assert_in_order(&events, &came);
    assert!(
        messages.iter().map(Message::partition).collect::<HashSet<_>>().len() > 1,
        "screenings are spread over partitions"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn more_events_than_the_buffer_holds_arrive_completely() {
    let scene = Scene::shared().await;
    let server = scene.server();
    let events = events_of(7, 3000, 2);
    for batch in events.chunks(256) {
        scene.publish(&server, batch).await;
    }
    let buffered = || async { server.list_next(Consumer::Audit, u32::MAX).await.map_or(0, |next| next.len()) };
    wait_until("the buffer is full", || async { buffered().await >= BUFFERED_MESSAGES_MAX }).await;
    scene.messages("booking_events", events.len()).await;
    assert_eq!(
        buffered().await,
        BUFFERED_MESSAGES_MAX,
        "the rest waits at the broker, although another consumer has read all of it"
    );
    let came = scene.consume(&server, &events).await;
    assert_in_order(&events, &came);
    assert_eq!(came.len(), events.len(), "without faults no event arrives twice");
    assert_eq!(scene.audit().await, ids_of(&events));
    assert_eq!(server.lag(Consumer::Audit).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn ping_succeeds_and_close_returns_in_time_when_there_are_no_readers() {
    let scene = Scene::shared().await;
    let server = scene.server();
    scene.publish(&server, &events_of(1, 1, 3)).await;
    server.ping().await.unwrap();
    assert!(server.close(Duration::from_secs(3)).await, "no reader has been started");
    assert_eq!(server.part(), "events");
}
