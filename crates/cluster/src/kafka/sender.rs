//! Sends messages to Kafka and waits for their acknowledgements.

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

/// A message to be sent to Kafka.
pub(super) struct Outgoing {
    /// Identifies the message. While a message with this name is in flight, [`Sender::send`] does not send it again.
    pub(super) name: String,
    pub(super) topic: String,
    pub(super) key: Vec<u8>,
    pub(super) payload: Vec<u8>,
    pub(super) headers: OwnedHeaders,
}

/// Sends messages, and keeps those that are still in flight after a timeout: a retry with the same messages waits for
/// them and sends none twice. So an outage of any length needs memory for one batch only, and messages stay in order.
pub(super) struct Sender {
    settings: KafkaSettings,
    producer: Mutex<Producer>,
    under_way: sync::Mutex<VecDeque<(String, DeliveryFuture)>>,
}

impl Sender {
    /// Creates the client without connecting; it connects in the background.
    pub(super) fn new(settings: KafkaSettings) -> Backend<Self> {
        let producer = Mutex::new(producer(&settings).map_err(retryable)?);
        Ok(Self { settings, producer, under_way: sync::Mutex::default() })
    }

    /// Sends those messages that are not in flight yet, in order, and waits until all in-sync replicas have
    /// acknowledged all of `messages`.
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
                    // No later message may be sent before this one.
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

    /// Replaces the idempotent producer after a fatal error, when it does not know any more which messages the broker
    /// has. The relay publishes unacknowledged events again, with the same event ids.
    fn replace_if_broken(&self) {
        let mut current = self.producer.lock();
        let Some((code, reason)) = current.client().fatal_error() else { return };
        tracing::error!(%code, reason, "the producer has failed with a fatal error and is replaced");
        match producer(&self.settings) {
            Ok(fresh) => {
                let broken = std::mem::replace(&mut *current, fresh);
                // Dropping a producer blocks until its thread has ended, so it is dropped on a blocking thread.
                task::spawn_blocking(move || drop(broken));
            }
            Err(error) => tracing::error!(%error, "no new producer could be created; the next failed send tries again"),
        }
    }

    /// Fetches the metadata of a topic from a broker, as a health check.
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
