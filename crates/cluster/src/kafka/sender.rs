//! Messages to Kafka, and the wait for their acknowledgements.

use std::collections::{HashSet, VecDeque};

use parking_lot::Mutex;
use rdkafka::{
    config::FromClientConfigAndContext,
    error::KafkaError,
    message::OwnedHeaders,
    producer::{FutureProducer, FutureRecord, Producer as _, future_producer::DeliveryFuture},
};
use seatkeeper_core::ports::Backend;
use tokio::{sync, task, time::timeout};

use super::{
    quiet::Quiet,
    settings::{ANSWER_WITHIN, DELIVERY_WITHIN, KafkaSettings, retryable},
};

type Producer = FutureProducer<Quiet>;

/// A message that is to be sent.
pub(super) struct Outgoing {
    /// What makes it this message: while one of this name is under way, no second one is sent.
    pub(super) name: String,
    pub(super) topic: String,
    pub(super) key: Vec<u8>,
    pub(super) payload: Vec<u8>,
    pub(super) headers: OwnedHeaders,
}

/// Sends, waits for a while, and keeps what has not been acknowledged: it is still under way, and a caller who comes again with
/// the same messages waits for those and sends none twice. So an outage of any length costs one batch of memory, and what was
/// to be first arrives first.
pub(super) struct Sender {
    settings: KafkaSettings,
    producer: Mutex<Producer>,
    under_way: sync::Mutex<VecDeque<(String, DeliveryFuture)>>,
}

impl Sender {
    /// Connects to nothing yet.
    pub(super) fn new(settings: KafkaSettings) -> Backend<Self> {
        let producer = Mutex::new(producer(&settings).map_err(retryable)?);
        Ok(Self { settings, producer, under_way: sync::Mutex::default() })
    }

    /// Sends what is not under way yet, in order, and waits until all is acknowledged, by all replicas in sync.
    pub(super) async fn send(&self, messages: &[Outgoing]) -> Backend<()> {
        match timeout(DELIVERY_WITHIN, self.deliver(messages)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                self.replace_if_broken();
                Err(retryable(error))
            }
            Err(_) => Err(retryable("no acknowledgement in time")),
        }
    }

    async fn deliver(&self, messages: &[Outgoing]) -> Result<(), KafkaError> {
        let mut under_way = self.under_way.lock().await;
        let known: HashSet<String> = under_way.iter().map(|(name, _)| name.clone()).collect();
        let producer = self.producer.lock().clone();
        let mut failure = None;
        for message in messages.iter().filter(|message| !known.contains(&message.name)) {
            match enqueue(&producer, message) {
                Ok(delivery) => under_way.push_back((message.name.clone(), delivery)),
                Err(error) => {
                    // Nothing is sent past one that is not.
                    failure = Some(error);
                    break;
                }
            }
        }
        while let Some((_, delivery)) = under_way.front_mut() {
            let outcome = delivery.await;
            under_way.pop_front();
            match outcome {
                Ok(Ok(_)) => {}
                Ok(Err((error, _))) => failure = failure.or(Some(error)),
                Err(_) => failure = failure.or(Some(KafkaError::Canceled)),
            }
        }
        failure.map_or(Ok(()), Err)
    }

    /// Some errors end an idempotent producer: it no longer knows what the broker has. The next one starts afresh, and what
    /// was not acknowledged comes again under the same event ids.
    fn replace_if_broken(&self) {
        let mut current = self.producer.lock();
        let Some((code, reason)) = current.client().fatal_error() else { return };
        tracing::error!(%code, reason, "the producer is broken and replaced");
        match producer(&self.settings) {
            Ok(fresh) => {
                let broken = std::mem::replace(&mut *current, fresh);
                // It waits for a thread of its own to end.
                task::spawn_blocking(move || drop(broken));
            }
            Err(error) => tracing::error!(%error, "no new producer"),
        }
    }

    /// Asks a broker for what it knows of a topic.
    pub(super) async fn ping(&self, topic: String) -> Backend<()> {
        let producer = self.producer.lock().clone();
        let asked = task::spawn_blocking(move || producer.client().fetch_metadata(Some(&topic), ANSWER_WITHIN));
        asked.await.map_err(retryable)?.map(|_| ()).map_err(retryable)
    }
}

fn producer(settings: &KafkaSettings) -> Result<Producer, KafkaError> {
    Producer::from_config_and_context(&settings.producer(), Quiet)
}

fn enqueue(producer: &Producer, message: &Outgoing) -> Result<DeliveryFuture, KafkaError> {
    let Outgoing { topic, key, payload, headers, .. } = message;
    let record = FutureRecord::to(topic).key(key).payload(payload).headers(headers.clone());
    producer.send_result(record).map_err(|(error, _)| error)
}
