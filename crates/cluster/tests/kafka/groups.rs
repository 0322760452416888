//! Several servers in one consumer group.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use seatkeeper_cluster::kafka::KafkaLog;
use seatkeeper_core::ports::{Consumer, EventLog};
use seatkeeper_testbed::{KafkaServer, Special, WAIT_MAX, free_port, wait_until};

use crate::scene::{Scene, assert_in_order, events_of, ids_of};

async fn has_something(server: &Arc<KafkaLog>) -> bool {
    server.list_next(Consumer::Audit, 1).await.is_ok_and(|next| !next.is_empty())
}

/// A second server joins the consumer group while the first one handles a batch.
#[tokio::test(flavor = "multi_thread")]
async fn no_event_is_lost_when_partitions_are_reassigned_in_the_middle_of_a_batch() {
    let scene = Scene::shared().await;
    let (first, second) = (scene.server(), scene.server());
    let events = events_of(40, 400, 1);
    for batch in events.chunks(200) {
        scene.publish(&first, batch).await;
    }
    wait_until("the first server has all partitions", || async {
        first.list_next(Consumer::Audit, 500).await.is_ok_and(|next| next.len() == events.len())
    })
    .await;
    let batch = first.list_next(Consumer::Audit, 100).await.unwrap();
    assert!(!has_something(&second).await, "the second server only joins now");
    wait_until("partitions have moved", || async {
        has_something(&second).await
            && first.list_next(Consumer::Audit, 500).await.is_ok_and(|next| next.len() < events.len())
    })
    .await;
    // The batch was read before the rebalance; some of its partitions now belong to the other server.
    let came = Mutex::new(scene.handle(&first, &batch).await);
    wait_until("both have handled everything", || async {
        for server in [&first, &second] {
            let handled = scene.handle_some(server).await;
            came.lock().extend(handled);
        }
        scene.audit().await == ids_of(&events) && first.lag(Consumer::Audit).await.is_ok_and(|lag| lag == 0)
    })
    .await;
    assert_in_order(&events, &came.into_inner());
}

#[tokio::test(flavor = "multi_thread")]
async fn unacknowledged_events_of_a_stopped_server_are_read_by_the_next_server() {
    let scene = Scene::shared().await;
    let first = scene.server();
    let events = events_of(10, 100, 2);
    scene.publish(&first, &events).await;
    wait_until("all events have arrived", || async {
        first.list_next(Consumer::Audit, 200).await.is_ok_and(|next| next.len() == events.len())
    })
    .await;
    let batch = first.list_next(Consumer::Audit, 30).await.unwrap();
    let mut came = scene.handle(&first, &batch).await;
    assert!(first.close(WAIT_MAX).await);
    assert_eq!(first.list_next(Consumer::Audit, 200).await.unwrap(), [], "a closed log returns no events");

    let second = scene.server();
    let rest: Vec<_> = events.iter().filter(|event| !came.contains(event)).cloned().collect();
    came.extend(scene.consume(&second, &rest).await);
    assert_eq!(came.len(), events.len(), "acknowledged events do not arrive again");
    assert_in_order(&events, &came);
    assert!(second.close(Duration::from_secs(60)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn broker_older_than_4_0_is_read_with_the_classic_group_protocol() {
    let special = Special { has_only_classic_groups: true, ..Special::default() };
    let kafka = KafkaServer::start_special(free_port(), special).await;
    let scene = Scene::at(kafka.brokers());
    let (first, second) = (scene.server(), scene.server());
    let events = events_of(20, 100, 3);
    scene.publish(&first, &events[..50]).await;
    let mut came = scene.consume(&first, &events[..50]).await;
    wait_until("the second server has joined", || async {
        scene.publish(&first, &events[50..]).await;
        has_something(&second).await
    })
    .await;
    let handled = Mutex::new(Vec::new());
    wait_until("both have handled everything", || async {
        for server in [&first, &second] {
            let some = scene.handle_some(server).await;
            handled.lock().extend(some);
        }
        scene.audit().await == ids_of(&events)
    })
    .await;
    came.extend(handled.into_inner());
    assert_in_order(&events, &came);
}
