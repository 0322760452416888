//! Messages that are not events, and events that cannot be handled, go to the topic of dead letters and do not block
//! others.

use std::{sync::Arc, time::Duration};

use rdkafka::{
    ClientConfig, Message,
    producer::{FutureProducer, FutureRecord},
};
use seatkeeper_cluster::kafka::PublishedDeadLetters;
use seatkeeper_core::{
    ids::DeadLetterId,
    ports::{Consumer, DeadLetter, DeadLetters, EventLog},
};
use seatkeeper_testing::{SeededEntropy, sample_now};

use crate::scene::{Scene, assert_in_order, events_of, headers_of};

/// Writes a message to the topic of events as another program would.
async fn write(scene: &Scene, key: &str, payload: &str) {
    let producer: FutureProducer = ClientConfig::new()
        .set("bootstrap.servers", &scene.brokers)
        .set("message.max.bytes", "2000000")
        .create()
        .unwrap();
    let topic = scene.topic("booking_events");
    let record = FutureRecord::to(&topic).partition(3).key(key).payload(payload);
    producer.send(record, Duration::from_secs(30)).await.unwrap();
}

/// Another program has written messages that are not events into the topic of events.
#[tokio::test(flavor = "multi_thread")]
async fn message_that_is_not_an_event_becomes_a_dead_letter_and_the_consumer_continues() {
    let scene = Scene::shared().await;
    let server = scene.server();
    let events = events_of(30, 60, 1);
    scene.publish(&server, &events[..30]).await;
    write(&scene, "who", "{\"id\": 5}").await;
    write(&scene, "", "").await;
    // The longest message that the broker accepts in the topic of events. As a dead letter it is longer, because of the
    // headers.
    let long = "x".repeat(1_048_500);
    write(&scene, "", &long).await;
    scene.publish(&server, &events[30..]).await;

    let came = scene.consume(&server, &events).await;
    assert_in_order(&events, &came);
    let mut told = scene.messages("booking_events.dlq", 3).await;
    told.sort_by_key(|message| headers_of(message)["offset"].parse::<i64>().unwrap());
    assert_eq!(told[0].payload().unwrap(), b"{\"id\": 5}", "the payload is unchanged");
    assert_eq!(told[0].key().unwrap(), b"who");
    let headers = headers_of(&told[0]);
    assert!(headers["reason"].starts_with("not an event"), "{headers:?}");
    let kept = scene.index.unreadable.lock().clone();
    assert_eq!(kept.len(), 3, "each is reported to administrators");
    let place = format!("{} 3/{}", scene.topic("booking_events"), headers["offset"]);
    assert_eq!(kept[&place], (b"{\"id\": 5}".to_vec(), headers["reason"].clone()));
    assert_eq!(headers["topic"], scene.topic("booking_events"));
    assert_eq!((headers["partition"].as_str(), headers["consumer"].as_str()), ("3", "seatkeeper-audit"));
    assert_eq!(told[1].payload().unwrap_or_default(), b"");
    assert_eq!(told[2].payload().unwrap(), long.as_bytes());

    seatkeeper_testbed::wait_until("the poison messages are acknowledged", || async {
        scene.handle_some(&server).await;
        server.lag(Consumer::Audit).await.is_ok_and(|lag| lag == 0)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letter_of_the_store_is_also_published_to_the_topic_of_dead_letters() {
    let scene = Scene::shared().await;
    let server = scene.server();
    let letter = DeadLetter {
        id: DeadLetterId::from_uuid(SeededEntropy::new(1).next_uuid()),
        consumer: Consumer::Mail,
        event: events_of(1, 1, 2).remove(0),
        error: "the customer is missing".to_owned(),
        tries: 8,
        at: sample_now(),
    };
    let letters = PublishedDeadLetters::new(Arc::clone(&scene.store) as _, server);
    letters.put_dead_letter(&letter).await.unwrap();
    assert_eq!(letters.find_dead_letter(letter.id).await.unwrap().as_ref(), Some(&letter), "stored");
    let told = scene.messages("booking_events.dlq", 1).await.remove(0);
    assert_eq!(told.payload().unwrap(), serde_json::to_vec(&letter.event).unwrap());
    let headers = headers_of(&told);
    assert_eq!((headers["reason"].as_str(), headers["tries"].as_str()), ("the customer is missing", "8"));
    assert_eq!(headers["consumer"], "seatkeeper-mail");
}
