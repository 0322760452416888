//! Names of topics and groups, limits, and the configuration of the librdkafka clients.

use std::time::Duration;

use rdkafka::ClientConfig;
use seatkeeper_core::ports::{BackendError, Consumer};

/// This adapter's name in errors and health checks.
pub(super) const PART: &str = "events";

/// Timeout of one query of the brokers: metadata, offsets or creation of topics.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(3);
/// How long a call waits for acknowledgements of its messages, which stay in flight after this timeout. Together with
/// [`ANSWER_WITHIN`] it must be less than the relay's lease of 10 s.
pub(super) const DELIVERY_WITHIN: Duration = Duration::from_secs(4);
/// Limit of the payload of a dead letter, in bytes. Event messages have at most 1 MiB, unless an operator has raised
/// the broker's limit.
pub(super) const DEAD_LETTER_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Upper bound of the bytes that Kafka adds to a payload, including headers.
const ENVELOPE_BYTES_MAX: usize = 64 * 1024;
/// Limit of a whole message that is sent, in bytes.
pub(super) const MESSAGE_BYTES_MAX: usize = DEAD_LETTER_BYTES_MAX + ENVELOPE_BYTES_MAX;
/// Limit of the messages in flight. The client refuses further messages.
const UNDER_WAY_MESSAGES_MAX: u32 = 4096;
/// Timeout of one request to a broker, after which librdkafka retries the request.
const REQUEST_MS_MAX: u32 = 10_000;
/// Longest backoff before librdkafka reconnects to a broker.
const RECONNECT_MS_MAX: u32 = 2_000;
/// Session timeout of a group member with the classic group protocol. With the newer protocol the broker sets it.
const SESSION_MS_MAX: u32 = 10_000;
/// Interval between commits of offsets, in milliseconds. After a crash the events that were acknowledged since the last
/// commit are read again, and consumers deduplicate them.
pub(super) const COMMIT_EVERY_MS: u32 = 100;
/// Limit of the KiB that a librdkafka consumer prefetches in addition to the buffer.
const FETCHED_AHEAD_KIB_MAX: u32 = 4096;

/// The addresses of the brokers, and the prefix of the names of topics and groups.
#[derive(Clone, Debug)]
pub(super) struct KafkaSettings {
    /// `host:port` of each bootstrap broker.
    pub(super) brokers: Vec<String>,
    /// Prefix of the names of topics and groups. Empty, unless several cinemas share a Kafka.
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

    /// The consumer group of one consumer. Each server has one member in it.
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

    /// The configuration of an idempotent producer, whose retries neither duplicate nor reorder messages. Messages
    /// never expire in the client, because the message after an expired one would overtake it; only the caller stops
    /// waiting.
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

    /// The configuration of a consumer. A new group starts at the earliest offset. Only stored offsets are committed,
    /// and an offset is stored only after the event's effect.
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

/// How the partitions of a group are assigned to its members. Both protocols rebalance incrementally: partitions that
/// keep their owner are read without a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GroupProtocol {
    /// The broker assigns partitions: Kafka 4.0 and later.
    Consumer,
    /// The members assign partitions among themselves: brokers before Kafka 4.0.
    Classic,
}

/// Makes a retryable error from an error of an unreachable or slow Kafka.
pub(super) fn retryable(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> BackendError {
    BackendError::retryable(PART, source)
}
