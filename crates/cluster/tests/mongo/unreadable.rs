//! A document that cannot be deserialized blocks neither the relay nor a consumer: it is moved to a quarantine
//! collection, where it stays, and is reported once.

use jiff::SignedDuration;
use mongodb::{
    Client, Database,
    bson::{Document, doc},
};
use seatkeeper_cluster::{kafka, mongo::MongoStore};
use seatkeeper_core::{
    event::{Event, EventKind},
    ids::EventId,
    ports::{Consumer, EventLog, Outbox},
};
use seatkeeper_testbed::shared_mongo_url;
use seatkeeper_testing::{SeededEntropy, event_of, sample_now};
use uuid::Uuid;

use crate::stores::fresh_name;

const RELAY: Uuid = Uuid::from_u128(7);

struct Stage {
    store: MongoStore,
    database: Database,
}

impl Stage {
    async fn open() -> Self {
        let url = shared_mongo_url(&fresh_name()).await;
        let store = MongoStore::open(&url).await.unwrap();
        let until = sample_now() + SignedDuration::from_hours(1);
        assert!(store.take_relay_lease(RELAY, sample_now(), until).await.unwrap());
        let database = Client::with_uri_str(&url).await.unwrap().default_database().unwrap();
        Self { store, database }
    }

    /// Overwrites the text of an event directly in the database.
    async fn by_hand(&self, collection: &str, id: EventId, event: &str) {
        let these = self.database.collection::<Document>(collection);
        let change = doc! { "$set": { "event": event } };
        assert_eq!(these.update_one(doc! { "_id": id.to_string() }, change).await.unwrap().modified_count, 1);
    }

    /// The document of this event in the quarantine collection.
    async fn put_aside(&self, id: EventId) -> Document {
        let kept = self.database.collection::<Document>("unreadable_events");
        kept.find_one(doc! { "document._id": id.to_string() }).await.unwrap().unwrap()
    }

    async fn unsent(&self) -> Vec<String> {
        self.store.list_unsent(RELAY, 100).await.unwrap().iter().map(name_of).collect()
    }
}

fn events(names: &[&str]) -> Vec<Event> {
    let ids = SeededEntropy::new(3);
    names.iter().map(|name| event_of(&ids, sample_now(), name)).collect()
}

fn name_of(event: &Event) -> String {
    match &event.kind {
        EventKind::AuditLog { action, .. } => action.clone(),
        EventKind::SystemError { code, place, count } => format!("{code} {place} {count}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn unreadable_document_of_the_outbox_is_quarantined_and_reported_once() {
    let stage = Stage::open().await;
    let told = events(&["a", "b", "c", "d", "e"]);
    stage.store.append_events(&told).await.unwrap();
    let json = |index: usize| serde_json::to_string(&told[index]).unwrap();
    stage.by_hand("outbox", told[0].id, "{half").await;
    stage.by_hand("outbox", told[2].id, &json(2).replace("AUDIT_LOG", "OF_TOMORROW")).await;
    stage.by_hand("outbox", told[3].id, &json(4)).await;
    let bad = [0, 2, 3].map(|index: usize| format!("unreadable_event outbox {} 1", told[index].id));
    let expected = ["b", "e", &bad[0], &bad[1], &bad[2]];
    assert_eq!(stage.unsent().await, expected);
    assert_eq!(stage.unsent().await, expected, "reported once");
    assert_eq!(stage.store.count_unsent().await.unwrap(), 5);
    let kept = stage.put_aside(told[0].id).await;
    assert_eq!(kept.get_document("document").unwrap().get_str("event").unwrap(), "{half", "the document is unchanged");

    let sent: Vec<EventId> = stage.store.list_unsent(RELAY, 100).await.unwrap().iter().map(|event| event.id).collect();
    stage.store.mark_sent(RELAY, &sent).await.unwrap();
    assert_eq!(stage.store.count_unsent().await.unwrap(), 0, "no event waits for ever");
    // The same event may be appended again after its document was moved.
    stage.store.append_events(&told[..1]).await.unwrap();
    assert_eq!(stage.unsent().await, ["a"]);
}

#[tokio::test]
async fn unreadable_message_of_another_log_is_stored_and_reported_once() {
    let stage = Stage::open().await;
    for _both_consumers_meet_it in Consumer::ALL {
        let kept =
            kafka::EventIndex::store_unreadable(&stage.store, "booking_events 3/42", b"\xffno", "not an event").await;
        kept.unwrap();
    }
    assert_eq!(stage.unsent().await, ["unreadable_event booking_events 3/42 1"]);
    let kept = stage.database.collection::<Document>("unreadable_events");
    let kept = kept.find_one(doc! { "origin": "booking_events 3/42" }).await.unwrap().unwrap();
    assert_eq!(kept.get_document("document").unwrap().get_binary_generic("event").unwrap(), b"\xffno");
    assert_eq!(kept.get_str("error").unwrap(), "not an event");
}

#[tokio::test]
async fn unreadable_document_of_the_log_blocks_no_consumer() {
    let stage = Stage::open().await;
    let told = events(&["a", "b", "c", "d", "e"]);
    stage.store.publish(&told).await.unwrap();
    // There are more unreadable events in a row than a consumer reads in one batch.
    for index in [0, 1, 2, 4] {
        stage.by_hand("events", told[index].id, "no").await;
    }
    for &consumer in Consumer::ALL {
        let next = stage.store.list_next(consumer, 2).await.unwrap();
        assert_eq!(next.iter().map(|logged| name_of(&logged.event)).collect::<Vec<_>>(), ["d"]);
        stage.store.acknowledge(consumer, next[0].position).await.unwrap();
        assert_eq!(stage.store.lag(consumer).await.unwrap(), 0);
    }
    let bad = [0, 1, 2, 4].map(|index: usize| format!("unreadable_event events {} 1", told[index].id));
    assert_eq!(stage.unsent().await, bad);
}
