//! Kafka is down, frozen, not yet started, or behind a faulty network. No event is lost, and no call hangs.

use std::{future::Future, time::Duration};

use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions},
    client::DefaultClientContext,
};
use seatkeeper_core::ports::{Consumer, EventLog, Health};
use seatkeeper_testbed::{Direction, KafkaServer, Proxied, Proxy, Special, WAIT_MAX, Weather, free_port, wait_until};
use tokio::time::timeout;

use crate::scene::{Scene, assert_in_order, events_of, ids_of};

/// Time within which every call must return. It is far above the timeouts of the calls, so that only a call that hangs
/// exceeds it.
const HANGS_AFTER: Duration = Duration::from_secs(40);

async fn comes_back<T>(call: impl Future<Output = T>) -> T {
    timeout(HANGS_AFTER, call).await.expect("the call hangs")
}

/// Kafka is down while events are published.
#[tokio::test(flavor = "multi_thread")]
async fn events_published_during_an_outage_arrive_afterwards_in_order() {
    let mut kafka = KafkaServer::start().await;
    let scene = Scene::at(kafka.brokers());
    let server = scene.server();
    let events = events_of(6, 120, 1);
    scene.publish(&server, &events[..40]).await;
    wait_until("the first events have arrived", || async {
        server.list_next(Consumer::Audit, 100).await.is_ok_and(|next| next.len() == 40)
    })
    .await;
    let mut came = Vec::new();
    kafka.kill().await;
    for _ in 0..3 {
        let refused = comes_back(server.publish(&events[40..80])).await.expect_err("the broker is down");
        assert!(refused.retryable, "{refused}");
    }
    let here = comes_back(server.list_next(Consumer::Audit, 30)).await.unwrap();
    came.extend(comes_back(scene.handle(&server, &here)).await);
    assert_eq!(came.len(), 30, "buffered events can be handled during the outage");
    assert!(comes_back(server.ping()).await.is_err());
    kafka.restart().await;
    scene.publish(&server, &events[40..80]).await;
    scene.publish(&server, &events[80..]).await;
    let rest: Vec<_> = events.iter().filter(|event| !came.contains(event)).cloned().collect();
    came.extend(scene.consume(&server, &rest).await);
    assert_in_order(&events, &came);
    assert_eq!(scene.audit().await, ids_of(&events));
    assert_eq!(
        server.lag(Consumer::Mail).await.unwrap(),
        120,
        "a batch that was published four times is in the topic once"
    );

    assert!(server.close(WAIT_MAX).await);
    let next = scene.server();
    wait_until("the offsets acknowledged during the outage are committed", || async {
        next.lag(Consumer::Audit).await.is_ok_and(|lag| lag == 0)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_to_a_frozen_broker_fail_within_their_timeout() {
    let kafka = KafkaServer::start().await;
    let scene = Scene::at(kafka.brokers());
    let server = scene.server();
    let events = events_of(6, 60, 2);
    scene.publish(&server, &events[..20]).await;
    scene.consume(&server, &events[..20]).await;
    kafka.freeze().await;
    for _ in 0..2 {
        let refused = comes_back(server.publish(&events[20..40])).await.expect_err("the broker is frozen");
        assert!(refused.retryable, "{refused}");
    }
    assert_eq!(comes_back(server.list_next(Consumer::Audit, 64)).await.unwrap(), []);
    assert!(comes_back(server.ping()).await.is_err());
    assert!(comes_back(server.lag(Consumer::Audit)).await.is_err());
    kafka.thaw().await;
    scene.publish(&server, &events[20..40]).await;
    scene.publish(&server, &events[40..]).await;
    let came = scene.consume(&server, &events[20..]).await;
    assert_in_order(&events[20..], &came);
    assert_eq!(scene.audit().await, ids_of(&events));
}

#[tokio::test(flavor = "multi_thread")]
async fn server_starts_without_a_broker() {
    let port = free_port();
    let scene = Scene::at(format!("127.0.0.1:{port}"));
    let server = scene.server();
    let events = events_of(2, 10, 3);
    assert!(comes_back(server.publish(&events)).await.expect_err("no broker").retryable);
    assert!(comes_back(server.list_next(Consumer::Audit, 64)).await.expect_err("no broker").retryable);
    assert!(comes_back(server.lag(Consumer::Audit)).await.is_err());
    let _kafka = KafkaServer::start_special(port, Special::default()).await;
    scene.publish(&server, &events).await;
    let came = scene.consume(&server, &events).await;
    assert_in_order(&events, &came);
    assert!(comes_back(server.close(HANGS_AFTER)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_event_is_lost_when_the_network_loses_and_delays_responses() {
    let listener_port = free_port();
    let proxy = Proxy::start(([127, 0, 0, 1], listener_port).into(), 7).await;
    let proxied = Some(Proxied { listener_port, proxy_port: proxy.port() });
    let _kafka = KafkaServer::start_special(free_port(), Special { proxied, ..Special::default() }).await;
    let scene = Scene::at(format!("127.0.0.1:{}", proxy.port()));
    let server = scene.server();
    let events = events_of(6, 240, 4);
    scene.publish(&server, &events[..40]).await;
    let mut came = scene.consume(&server, &events[..40]).await;
    let storms = [
        Weather::LoseRest { direction: Direction::ToClient, after_bytes_max: 300 },
        Weather::Delay { up_to: Duration::from_millis(30) },
        Weather::LoseRest { direction: Direction::ToServer, after_bytes_max: 2000 },
        Weather::Cut,
        Weather::BlackHole,
    ];
    for (batch, storm) in events[40..].chunks(40).zip(storms) {
        proxy.set(storm);
        // The network fault may or may not fail this call. The same events are published again below.
        drop(comes_back(server.publish(batch)).await);
        comes_back(scene.handle_some(&server)).await.into_iter().for_each(|event| came.push(event));
        proxy.set(Weather::Fair);
        scene.publish(&server, batch).await;
    }
    came.extend(scene.consume(&server, &events[240 - 40..]).await);
    assert_in_order(&events, &came);
    assert_eq!(scene.audit().await, ids_of(&events));
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_topic_is_created_again() {
    let scene = Scene::shared().await;
    let server = scene.server();
    let events = events_of(6, 60, 5);
    scene.publish(&server, &events[..30]).await;
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", &scene.brokers).create().unwrap();
    let taken = admin.delete_topics(&[&scene.topic("booking_events")], &AdminOptions::new()).await.unwrap();
    assert_eq!(taken, [Ok(scene.topic("booking_events"))]);
    scene.publish(&server, &events[30..]).await;
    let came = scene.consume(&server, &events[30..]).await;
    assert_in_order(&events[30..], &came);
}
