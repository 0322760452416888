//! Servers that share an event log and its index, and helpers to inspect both.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use parking_lot::Mutex;
use rdkafka::{
    ClientConfig, Message,
    consumer::{Consumer as _, StreamConsumer},
    message::{Headers, OwnedMessage},
};
use seatkeeper_cluster::kafka::{EventIndex, KafkaLog};
use seatkeeper_core::{
    event::{Event, EventKind},
    ids::{EventId, ScreeningId},
    ports::{AuditFilter, AuditLog, Backend, BackendError, Consumer, EventLog, LoggedEvent, PageRequest},
};
use seatkeeper_embedded::sqlite::SqliteStore;
use seatkeeper_testbed::{KafkaServer, WAIT_MAX, wait_until};
use seatkeeper_testing::{SeededEntropy, sample_now};
use tempfile::TempDir;
use tokio::time::timeout;

/// Number of events per batch of a worker.
const TAKEN_AT_ONCE: u32 = 64;

/// An index of the event log, and a prefix on a broker that no other test uses. Each call of [`Self::server`] makes
/// another server of the same cinema.
pub(crate) struct Scene {
    pub(crate) store: Arc<SqliteStore>,
    pub(crate) index: Arc<StoreIndex>,
    pub(crate) brokers: String,
    prefix: String,
    _folder: TempDir,
}

impl Scene {
    /// Uses the broker that all tests share.
    pub(crate) async fn shared() -> Self {
        Self::at(KafkaServer::shared().await)
    }

    pub(crate) fn at(brokers: String) -> Self {
        let folder = TempDir::new().unwrap();
        let store = Arc::new(SqliteStore::open(&folder.path().join("store.sqlite")).unwrap());
        let index = Arc::new(StoreIndex {
            store: Arc::clone(&store),
            dies_before_the_mark: AtomicBool::new(false),
            unreadable: Mutex::default(),
        });
        let prefix = format!("t{}-", uuid::Uuid::new_v4().simple());
        Self { store, index, brokers, prefix, _folder: folder }
    }

    pub(crate) fn server(&self) -> Arc<KafkaLog> {
        let brokers: Vec<String> = self.brokers.split(',').map(str::to_owned).collect();
        Arc::new(KafkaLog::open(&brokers, &self.prefix, Arc::clone(&self.index) as _).unwrap())
    }

    /// The full name of a topic, with this scene's prefix.
    pub(crate) fn topic(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// Publishes events, with retries like the relay. Returns the number of failed attempts.
    pub(crate) async fn publish(&self, server: &KafkaLog, events: &[Event]) -> usize {
        let failures = Mutex::new(0);
        wait_until("the events are published", || async {
            let published = server.publish(events).await;
            *failures.lock() += usize::from(published.is_err());
            published.is_ok()
        })
        .await;
        failures.into_inner()
    }

    /// Handles events as a worker does (the effect before the acknowledgement) until all of `events` have arrived.
    /// Returns the events that arrived, including duplicates.
    pub(crate) async fn consume(&self, server: &KafkaLog, events: &[Event]) -> Vec<Event> {
        let handled = Mutex::new(Vec::new());
        wait_until("all events have arrived", || async {
            let came = self.handle_some(server).await;
            let mut handled = handled.lock();
            handled.extend(came);
            let ids: HashSet<EventId> = handled.iter().map(|event: &Event| event.id).collect();
            events.iter().all(|event| ids.contains(&event.id))
        })
        .await;
        handled.into_inner()
    }

    /// Handles one batch as a worker does.
    pub(crate) async fn handle_some(&self, server: &KafkaLog) -> Vec<Event> {
        let next = server.list_next(Consumer::Audit, TAKEN_AT_ONCE).await.unwrap_or_default();
        self.handle(server, &next).await
    }

    pub(crate) async fn handle(&self, server: &KafkaLog, next: &[LoggedEvent]) -> Vec<Event> {
        let events: Vec<Event> = next.iter().map(|logged| logged.event.clone()).collect();
        self.store.append_audit(&events).await.unwrap();
        if let Some(last) = next.last() {
            server.acknowledge(Consumer::Audit, last.position).await.unwrap();
        }
        events
    }

    /// The ids of the events in the audit log. Fails the test when an event had its effect twice.
    pub(crate) async fn audit(&self) -> HashSet<EventId> {
        let (mut ids, mut page) = (HashSet::new(), PageRequest::FIRST);
        loop {
            let read = self.store.list_audit(&AuditFilter::default(), page).await.unwrap();
            for entry in read.items {
                assert!(ids.insert(entry.id), "an effect happened twice");
            }
            match read.next {
                Some(next) => page.after = Some(next),
                None => return ids,
            }
        }
    }

    /// The first messages of a topic, read by a consumer that is independent of the program.
    pub(crate) async fn messages(&self, topic: &str, count: usize) -> Vec<OwnedMessage> {
        let reader: StreamConsumer = ClientConfig::new()
            .set("bootstrap.servers", &self.brokers)
            .set("group.id", format!("{}observer", self.prefix))
            .set("auto.offset.reset", "earliest")
            .set("enable.auto.commit", "false")
            .create()
            .unwrap();
        reader.subscribe(&[&self.topic(topic)]).unwrap();
        let mut messages = Vec::new();
        while messages.len() < count {
            messages.push(timeout(WAIT_MAX, reader.recv()).await.expect("a message arrives").unwrap().detach());
        }
        messages
    }
}

/// The headers of a message, as text.
pub(crate) fn headers_of(message: &OwnedMessage) -> BTreeMap<String, String> {
    let headers = message.headers().unwrap().iter();
    headers.map(|header| (header.key.to_owned(), String::from_utf8_lossy(header.value.unwrap()).into_owned())).collect()
}

/// Events of several screenings, one of each screening in turn.
pub(crate) fn events_of(screenings: usize, count: usize, seed: u64) -> Vec<Event> {
    let ids = SeededEntropy::new(seed);
    let screenings: Vec<_> = (0..screenings).map(|_| ScreeningId::from_uuid(ids.next_uuid())).collect();
    let event = |number: usize| {
        let kind =
            EventKind::SystemError { code: "internal".to_owned(), place: "test".to_owned(), count: number as u64 };
        Event::new(sample_now(), &ids, kind).at_screening(screenings[number % screenings.len()])
    };
    (0..count).map(event).collect()
}

/// Asserts that each screening's events arrived in the order in which they were published. Duplicates are not
/// considered.
#[track_caller]
pub(crate) fn assert_in_order(published: &[Event], came: &[Event]) {
    let order = |events: &[Event]| {
        let (mut seen, mut by_key) = (HashSet::new(), BTreeMap::<String, Vec<EventId>>::new());
        for event in events.iter().filter(|event| seen.insert(event.id)) {
            by_key.entry(event.key()).or_default().push(event.id);
        }
        by_key
    };
    assert_eq!(order(came), order(published));
}

pub(crate) fn ids_of(events: &[Event]) -> HashSet<EventId> {
    events.iter().map(|event| event.id).collect()
}

/// An index of the event log in the embedded store. Lookups read the whole table, which is acceptable in a test.
pub(crate) struct StoreIndex {
    store: Arc<SqliteStore>,
    /// Makes `publish` fail, as if the process had died just before it.
    pub(crate) dies_before_the_mark: AtomicBool,
    /// The stored messages that are not events: the payload and the error, by origin.
    pub(crate) unreadable: Mutex<BTreeMap<String, (Vec<u8>, String)>>,
}

#[async_trait]
impl EventIndex for StoreIndex {
    async fn find_logged(&self, ids: &[EventId]) -> Backend<HashSet<EventId>> {
        let logged = self.store.list_events(-1, None, u32::MAX).await?;
        Ok(logged.into_iter().map(|logged| logged.event.id).filter(|id| ids.contains(id)).collect())
    }

    async fn publish(&self, events: &[Event]) -> Backend<()> {
        if self.dies_before_the_mark.load(Ordering::Relaxed) {
            return Err(BackendError::retryable("events", "the process has ended"));
        }
        EventLog::publish(&*self.store, events).await
    }

    async fn store_unreadable(&self, origin: &str, message: &[u8], error: &str) -> Backend<()> {
        self.unreadable.lock().insert(origin.to_owned(), (message.to_vec(), error.to_owned()));
        Ok(())
    }

    async fn list_events(&self, after: i64, type_name: Option<&str>, limit: u32) -> Backend<Vec<LoggedEvent>> {
        EventLog::list_events(&*self.store, after, type_name, limit).await
    }
}
