//! Events that are published to Kafka twice.

use std::sync::atomic::Ordering;

use rdkafka::Message;
use seatkeeper_core::{event::Event, ports::EventLog};

use crate::scene::{Scene, assert_in_order, events_of, ids_of};

/// A server dies after it has published events and before it has recorded that in the index; another server publishes
/// them again.
#[tokio::test(flavor = "multi_thread")]
async fn events_are_published_again_with_the_same_ids_after_a_crash_before_they_are_recorded() {
    let scene = Scene::shared().await;
    let events = events_of(3, 12, 1);
    {
        let dying = scene.server();
        scene.index.dies_before_the_mark.store(true, Ordering::Relaxed);
        assert!(dying.publish(&events).await.is_err());
        scene.index.dies_before_the_mark.store(false, Ordering::Relaxed);
    }
    let next = scene.server();
    scene.publish(&next, &events).await;
    scene.publish(&next, &events).await;

    let messages = scene.messages("booking_events", 2 * events.len()).await;
    let sent: Vec<Event> = messages.iter().map(|one| serde_json::from_slice(one.payload().unwrap()).unwrap()).collect();
    assert_in_order(&events, &sent);
    for event in &events {
        assert_eq!(sent.iter().filter(|one| *one == event).count(), 2, "each event is in the topic exactly twice");
    }
    let came = scene.consume(&next, &events).await;
    assert_in_order(&events, &came);
    assert_eq!(scene.audit().await, ids_of(&events), "each event has one effect");
    let listed = next.list_events(-1, None, 100).await.unwrap();
    assert_eq!(listed.into_iter().map(|logged| logged.event).collect::<Vec<_>>(), events);
}
