//! Several servers read in one group.

use std::{sync::Arc, time::Duration};

use seatkeeper_cluster::kafka::KafkaLog;
use seatkeeper_core::ports::{Consumer, EventLog};
use seatkeeper_testbed::{WAIT_MAX, wait_until};

use crate::scene::{Scene, assert_in_order, events_of, ids_of};

async fn has_something(server: &Arc<KafkaLog>) -> bool {
    server.list_next(Consumer::Audit, 1).await.is_ok_and(|next| !next.is_empty())
}

/// Fault 30.
#[tokio::test(flavor = "multi_thread")]
async fn a_rebalance_in_the_middle_of_a_batch_loses_nothing() {
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
    assert!(!has_something(&second).await, "it joins now");
    wait_until("partitions have moved", || async {
        has_something(&second).await
            && first.list_next(Consumer::Audit, 500).await.is_ok_and(|next| next.len() < events.len())
    })
    .await;
    // The batch is from before; some of its partitions are the other server's by now.
    let mut came = scene.handle(&first, &batch).await;
    wait_until("both have handled everything", || async {
        scene.handle_some(&first).await;
        scene.handle_some(&second).await;
        scene.audit().await == ids_of(&events)
    })
    .await;
    wait_until("nothing is left over", || async {
        scene.handle_some(&first).await;
        scene.handle_some(&second).await;
        first.lag(Consumer::Audit).await.is_ok_and(|lag| lag == 0)
    })
    .await;
    came.truncate(100);
    assert_eq!(came.len(), 100, "the batch was whole");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_hands_on_what_it_has_not_done() {
    let scene = Scene::shared().await;
    let first = scene.server();
    let events = events_of(10, 100, 2);
    scene.publish(&first, &events).await;
    wait_until("all have come", || async {
        first.list_next(Consumer::Audit, 200).await.is_ok_and(|next| next.len() == events.len())
    })
    .await;
    let batch = first.list_next(Consumer::Audit, 30).await.unwrap();
    let mut came = scene.handle(&first, &batch).await;
    assert!(first.close(WAIT_MAX).await);
    assert_eq!(first.list_next(Consumer::Audit, 200).await.unwrap(), [], "it is over");

    let second = scene.server();
    let rest: Vec<_> = events.iter().filter(|event| !came.contains(event)).cloned().collect();
    came.extend(scene.consume(&second, &rest).await);
    assert_eq!(came.len(), events.len(), "what was acknowledged does not come again");
    assert_in_order(&events, &came);
    assert!(second.close(Duration::from_secs(60)).await);
}
