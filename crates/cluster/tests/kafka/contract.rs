//! The suite of every log, and what other programs see of this one.

use std::{collections::HashSet, time::Duration};

use rdkafka::Message;
use seatkeeper_core::{
    event::Event,
    ports::{Consumer, EventLog, Health},
    testing::event_log,
};

use seatkeeper_testbed::wait_until;

use crate::scene::{Scene, assert_in_order, events_of, ids_of};

/// As many messages as a server takes before it has handled any.
const BUFFERED_MESSAGES_MAX: usize = 1024;

#[tokio::test(flavor = "multi_thread")]
async fn log_of_events() {
    let server = Scene::shared().await.server();
    wait_until("the topics are there", || async { server.lag(Consumer::Mail).await.is_ok() }).await;
    event_log::run_all(&*server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_the_event_as_json_under_its_screening() {
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
    assert_eq!(came.len(), events.len(), "each once");
    assert_in_order(&events, &came);
    assert!(messages.iter().map(Message::partition).collect::<HashSet<_>>().len() > 1, "screenings are spread");
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_the_buffer_holds_arrives_all_the_same() {
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
        "the rest waits, though somebody else has read it all meanwhile"
    );
    let came = scene.consume(&server, &events).await;
    assert_in_order(&events, &came);
    assert_eq!(came.len(), events.len(), "nothing twice while nothing goes wrong");
    assert_eq!(scene.audit().await, ids_of(&events));
    assert_eq!(server.lag(Consumer::Audit).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_says_that_it_works_and_closes_in_time() {
    let scene = Scene::shared().await;
    let server = scene.server();
    scene.publish(&server, &events_of(1, 1, 3)).await;
    server.ping().await.unwrap();
    assert!(server.close(Duration::from_secs(3)).await, "nothing has been started");
    assert_eq!(server.part(), "events");
}
