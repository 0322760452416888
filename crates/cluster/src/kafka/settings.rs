//! Names, limits, and the configuration of the librdkafka clients.

use std::time::Duration;

use rdkafka::ClientConfig;
use seatkeeper_core::ports::{BackendError, Consumer};

/// This adapter's name in errors and health checks.
pub(super) const PART: &str = "events";

/// Timeout of one query to the brokers: metadata, offsets, creation of topics.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(3);
/// How long a call waits for acknowledgements; after this timeout the messages stay in flight. With [`ANSWER_WITHIN`] it is
/// less than the 10 s of the relay's lease.
pub(super) const DELIVERY_WITHIN: Duration = Duration::from_secs(4);
/// Longest payload of a dead letter. Messages of the other topic have at most 1 MiB, unless an operator allows more.
pub(super) const DEAD_LETTER_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Upper bound of the bytes that Kafka adds to a message, headers included.
const ENVELOPE_BYTES_MAX: usize = 64 * 1024;
/// Longest message that is sent.
pub(super) const MESSAGE_BYTES_MAX: usize = DEAD_LETTER_BYTES_MAX + ENVELOPE_BYTES_MAX;
/// Most messages in flight; further messages are refused.
const UNDER_WAY_MESSAGES_MAX: u32 = 4096;
/// Timeout of one request to a broker, after which librdkafka retries it.
const REQUEST_MS_MAX: u32 = 10_000;
/// Longest backoff before librdkafka reconnects to a broker.
const RECONNECT_MS_MAX: u32 = 2_000;
/// Session timeout of a member of a classic group. With the newer protocol the broker decides.
const SESSION_MS_MAX: u32 = 10_000;
/// Interval of commits, in milliseconds. After a crash the events acknowledged in between are read again, and consumers
/// deduplicate them.
pub(super) const COMMIT_EVERY_MS: u32 = 100;
/// Most KiB that a consumer prefetches in addition to the buffer.
const FETCHED_AHEAD_KIB_MAX: u32 = 4096;

/// The addresses of the brokers, and the names of topics and groups.
#[derive(Clone, Debug)]
pub(super) struct KafkaSettings {
    /// `host:port` of each bootstrap broker.
    pub(super) brokers: Vec<String>,
    /// Prefix of the names of topics and groups: empty, unless several cinemas share a Kafka.
    pub(super) prefix: String,
}

impl KafkaSettings {
    /// The topic of all events.
    pub(super) fn events_topic(&self) -> String {
        format!("{}booking_events", self.prefix)
    }

    /// The topic of dead letters.
    pub(super) fn dead_letter_topic(&self) -> String {
        format!("{}booking_events.dlq", self.prefix)
    }

    /// The group of one consumer, with a member in each server.
    fn group(&self, consumer: Consumer) -> String {
        format!("{}{}", self.prefix, consumer.as_ref())
    }

    /// The configuration that all clients share.
    pub(super) fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", self.brokers.join(","))
            .set("client.id", "seatkeeper")
            .set("socket.keepalive.enable", "true")
            .set("socket.timeout.ms", REQUEST_MS_MAX.to_string())
            .set("socket.connection.setup.timeout.ms", REQUEST_MS_MAX.to_string())
            .set("reconnect.backoff.max.ms", RECONNECT_MS_MAX.to_string());
        config
    }

    /// An idempotent producer: retries neither duplicate nor reorder messages. Messages have no timeout of their own, because a
    /// message that expired could be overtaken by the next one; only the caller stops waiting.
    pub(super) fn producer(&self) -> ClientConfig {
        let mut config = self.client();
        config
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("message.timeout.ms", "0")
            .set("request.timeout.ms", REQUEST_MS_MAX.to_string())
            .set("linger.ms", "2")
            .set("message.max.bytes", MESSAGE_BYTES_MAX.to_string())
            .set("queue.buffering.max.messages", UNDER_WAY_MESSAGES_MAX.to_string())
            // The partitioner of the Java clients, so that other programs choose the same partition for a key.
            .set("partitioner", "murmur2_random");
        config
    }

    /// A new group starts at the earliest offset. Only stored offsets are committed, and they are stored after the effect.
    pub(super) fn consumer(&self, consumer: Consumer, protocol: GroupProtocol) -> ClientConfig {
        let mut config = self.client();
        config
            .set("group.id", self.group(consumer))
            .set("auto.offset.reset", "earliest")
            .set("auto.commit.interval.ms", COMMIT_EVERY_MS.to_string())
            .set("enable.auto.offset.store", "false")
            .set("queued.max.messages.kbytes", FETCHED_AHEAD_KIB_MAX.to_string());
        match protocol {
            GroupProtocol::Consumer => config.set("group.protocol", "consumer"),
            GroupProtocol::Classic => config
                .set("partition.assignment.strategy", "cooperative-sticky")
                .set("session.timeout.ms", SESSION_MS_MAX.to_string()),
        };
        config
    }
}

/// How partitions are assigned. Both protocols rebalance incrementally: partitions that do not move are read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GroupProtocol {
    /// The broker assigns partitions: Kafka 4.0 and later.
    Consumer,
    /// The members assign partitions among themselves.
    Classic,
}

/// An error of an unreachable or slow Kafka, which is always retryable.
pub(super) fn retryable(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> BackendError {
    BackendError::retryable(PART, source)
}
