//! The event log in Kafka: one topic of events, with one consumer group for each consumer, and one topic of dead
//! letters.
//!
//! Delivery is at least once: to deduplicate, consumers store an event's id together with the event's effect. Events of
//! one screening share a partition and stay in the order in which they were published.
//!
//! Kafka may be unreachable at any time, also at startup. Calls then fail within seconds with a retryable error, and
//! their callers, which are background workers, retry for ever. No call blocks a thread of the async runtime.

mod buffer;
mod dead_letters;
mod group;
mod index;
mod lag;
mod message;
mod quiet;
mod reader;
mod sender;
mod settings;
mod topics;

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use parking_lot::Mutex;
use seatkeeper_core::{
    event::Event,
    ids::EventId,
    ports::{Backend, Consumer, DeadLetter, EventLog, Health, LoggedEvent},
};
use tokio_util::sync::CancellationToken;

pub use dead_letters::PublishedDeadLetters;
pub use index::EventIndex;

use buffer::Content;
use lag::Lags;
use reader::Reader;
use sender::Sender;
use settings::{KafkaSettings, PART, retryable};
use topics::Topics;

/// The event log in Kafka.
pub struct KafkaLog {
    settings: KafkaSettings,
    index: Arc<dyn EventIndex>,
    topics: Topics,
    sender: Sender,
    readers: Mutex<HashMap<Consumer, Arc<Reader>>>,
    lags: Lags,
    stop: CancellationToken,
    /// Until when readers retry their last commit after they were stopped. Set by [`Self::close`].
    commit_until: Arc<OnceLock<Instant>>,
}

impl KafkaLog {
    /// Opens the log at these brokers, each given as `host:port`. The names of topics and groups begin with `prefix`.
    /// Connects at the first call, so that a server can start while Kafka is unreachable.
    ///
    /// # Errors
    /// The Kafka client refuses the addresses of the brokers.
    pub fn open(brokers: &[String], prefix: &str, index: Arc<dyn EventIndex>) -> Backend<Self> {
        let settings = KafkaSettings { brokers: brokers.to_vec(), prefix: prefix.to_owned() };
        Ok(Self {
            index,
            topics: Topics::new(settings.clone()),
            sender: Sender::new(settings.clone())?,
            readers: Mutex::default(),
            lags: Lags::new(settings.clone()),
            stop: CancellationToken::new(),
            commit_until: Arc::default(),
            settings,
        })
    }

    /// Stops reading, commits offsets and leaves the groups, so that other servers take over the partitions immediately
    /// and not only after the session timeout. Returns false when this takes longer than `within`.
    pub async fn close(&self, within: Duration) -> bool {
        // The last third of the time remains for leaving the groups.
        self.commit_until.get_or_init(|| Instant::now() + within * 2 / 3);
        self.stop.cancel();
        let readers: Vec<Arc<Reader>> = self.readers.lock().values().cloned().collect();
        let all_ended = async {
            for reader in readers {
                reader.ended().await;
            }
        };
        tokio::time::timeout(within, all_ended).await.is_ok()
    }

    /// The reader of a consumer. It is started, and joins the group, at the first use: a server that does not run this
    /// consumer is assigned no partitions.
    async fn reader(&self, consumer: Consumer) -> Backend<Arc<Reader>> {
        // A reader whose thread has panicked is replaced; otherwise its consumer would receive no events until the
        // server is restarted.
        let works = |reader: &&Arc<Reader>| !reader.has_ended() || self.stop.is_cancelled();
        let started = self.readers.lock().get(&consumer).filter(works).cloned();
        if let Some(reader) = started {
            return Ok(reader);
        }
        self.topics.make().await?;
        let mut readers = self.readers.lock();
        if let Some(reader) = readers.get(&consumer).filter(works) {
            return Ok(Arc::clone(reader));
        }
        let reader = Arc::new(
            Reader::start(&self.settings, consumer, self.stop.clone(), Arc::clone(&self.commit_until))
                .map_err(retryable)?,
        );
        readers.insert(consumer, Arc::clone(&reader));
        Ok(reader)
    }

    async fn produce(&self, events: &[&Event]) -> Backend<()> {
        self.topics.make().await?;
        let messages: Vec<_> =
            events.iter().map(|event| message::event_message(&self.settings, event)).collect::<Backend<_>>()?;
        let sent = self.sender.send(&messages).await;
        if sent.is_err() {
            self.topics.look_again();
        }
        sent
    }

    async fn publish_dead_letter(&self, letter: &DeadLetter) -> Backend<()> {
        self.topics.make().await?;
        self.sender.send(&[message::letter_message(&self.settings, letter)?]).await
    }

    /// Moves messages that are not events from the front of the buffer to the dead letters, so that they do not block
    /// later events.
    async fn set_poison_aside(&self, consumer: Consumer, reader: &Reader) -> Backend<()> {
        loop {
            let next = reader.buffer.lock().poison();
            let Some((position, arrival)) = next else { return Ok(()) };
            let Content::Poison(poison) = &arrival.content else { return Ok(()) };
            let outgoing = message::poison_message(&self.settings, consumer, &arrival, poison);
            let (partition, offset, reason) = (arrival.partition, arrival.offset, poison.reason.as_str());
            let origin = format!("{} {partition}/{offset}", self.settings.events_topic());
            self.index.store_unreadable(&origin, &outgoing.payload, reason).await?;
            self.sender.send(&[outgoing]).await?;
            tracing::error!(
                consumer = consumer.as_ref(),
                partition,
                offset,
                reason,
                "message is not an event and was moved to the dead letters"
            );
            reader.buffer.lock().acknowledge(position);
        }
    }
}

impl Drop for KafkaLog {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[async_trait]
impl EventLog for KafkaLog {
    async fn publish(&self, events: &[Event]) -> Backend<()> {
        if events.is_empty() {
            return Ok(());
        }
        let ids: Vec<EventId> = events.iter().map(|event| event.id).collect();
        let logged = self.index.find_logged(&ids).await?;
        let missing: Vec<&Event> = events.iter().filter(|event| !logged.contains(&event.id)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        self.produce(&missing).await?;
        self.lags.forget();
        // If the process crashes before the next line, the relay publishes these events again with the same ids.
        self.index.publish(events).await
    }

    async fn list_next(&self, consumer: Consumer, limit: u32) -> Backend<Vec<LoggedEvent>> {
        let reader = self.reader(consumer).await?;
        self.set_poison_aside(consumer, &reader).await?;
        let events = reader.buffer.lock().events(limit);
        Ok(events)
    }

    async fn acknowledge(&self, consumer: Consumer, position: i64) -> Backend<()> {
        let reader = self.reader(consumer).await?;
        reader.buffer.lock().acknowledge(position);
        self.lags.forget();
        Ok(())
    }

    async fn list_events(&self, after: i64, type_name: Option<&str>, limit: u32) -> Backend<Vec<LoggedEvent>> {
        self.index.list_events(after, type_name, limit).await
    }

    async fn lag(&self, consumer: Consumer) -> Backend<u64> {
        self.topics.make().await?;
        let buffer = self.readers.lock().get(&consumer).map(|reader| Arc::clone(&reader.buffer));
        self.lags.find(consumer, buffer).await
    }
}

#[async_trait]
impl Health for KafkaLog {
    fn part(&self) -> &'static str {
        PART
    }

    async fn ping(&self) -> Backend<()> {
        self.sender.ping(self.settings.events_topic()).await
    }
}
