//! Several servers on one store: the events of one payment stay in order, and only the relay that holds the lease marks
//! events as sent.

use std::{collections::BTreeMap, sync::Arc};

use seatkeeper_cluster::mongo::MongoStore;
use seatkeeper_core::{
    event::EventKind,
    payment::PaymentStatus,
    ports::{CloseOutcome, ClosePayment, EventLog, Ledger, Outbox},
};
use seatkeeper_testbed::shared_mongo_url;
use seatkeeper_testing::sample_now;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::{
    cinema::{Cinema, in_minutes, logged, unsent},
    stores::fresh_name,
};

async fn two_servers() -> [Arc<MongoStore>; 2] {
    let url = shared_mongo_url(&fresh_name()).await;
    let (one, other) = (MongoStore::open(&url).await.unwrap(), MongoStore::open(&url).await.unwrap());
    [Arc::new(one), Arc::new(other)]
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_one_payment_are_in_order_when_two_servers_write_them() {
    let servers = two_servers().await;
    let cinema = Arc::new(Cinema::open(&servers[0]).await);
    let mut runs = JoinSet::new();
    for number in 1..=12 {
        let (servers, cinema) = (servers.clone(), Arc::clone(&cinema));
        runs.spawn(async move {
            let payment = cinema.confirming(&servers[0], &format!("A{number}")).await.unwrap();
            servers[1].commit_booking(&cinema.sale_of(&payment), sample_now()).await.unwrap();
            let (from, to): (&[_], _) = (&[PaymentStatus::Succeeded], PaymentStatus::Refunded);
            let events = vec![cinema.event(&format!("refunded {}", payment.id))];
            let close = ClosePayment { id: payment.id, from, to, money_task: None, events };
            let closed = servers[0].close_payment(&close, sample_now()).await.unwrap();
            assert!(matches!(closed, CloseOutcome::Closed(_)));
        });
    }
    runs.join_all().await;
    let mut told = BTreeMap::<String, Vec<String>>::new();
    for event in unsent(&servers[1]).await {
        if let EventKind::AuditLog { action, .. } = event.kind
            && let Some((what, payment)) = action.split_once(' ')
        {
            told.entry(payment.to_owned()).or_default().push(what.to_owned());
        }
    }
    assert_eq!(told.len(), 12);
    assert!(told.values().all(|order| *order == ["sold", "refunded"]), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn relay_that_has_lost_its_lease_marks_no_events_as_sent_and_no_event_is_lost() {
    let servers = two_servers().await;
    let cinema = Cinema::open(&servers[0]).await;
    let (slow, next) = (Uuid::from_u128(11), Uuid::from_u128(12));
    assert!(servers[0].take_relay_lease(slow, sample_now(), in_minutes(1)).await.unwrap());
    let batch = servers[0].list_unsent(slow, 100).await.unwrap();
    servers[0].publish(&batch).await.unwrap();
    let ids: Vec<_> = batch.iter().map(|event| event.id).collect();

    // The first relay stalls until its lease expires; the second one takes the lease; then both continue concurrently.
    assert!(servers[1].take_relay_lease(next, in_minutes(1), in_minutes(2)).await.unwrap());
    let late = cinema.event("late");
    servers[1].append_events(std::slice::from_ref(&late)).await.unwrap();
    servers[0].mark_sent(slow, &ids).await.unwrap();
    assert!(servers[0].list_unsent(slow, 100).await.unwrap().is_empty());
    let again = servers[1].list_unsent(next, 100).await.unwrap();
    assert_eq!(again.len(), batch.len() + 1, "the relay with the lease publishes them again, in the same order");
    assert_eq!(again[..batch.len()], batch);
    servers[1].publish(&again).await.unwrap();
    let ids: Vec<_> = again.iter().map(|event| event.id).collect();
    servers[1].mark_sent(next, &ids).await.unwrap();
    assert_eq!(servers[0].count_unsent().await.unwrap(), 0);
    assert_eq!(logged(&servers[0]).await, again.len(), "the log deduplicates events");
    assert_eq!(servers[0].find_logged(&ids).await.unwrap().len(), ids.len());
    assert!(servers[0].find_logged(&[cinema.event("never").id]).await.unwrap().is_empty());
}
