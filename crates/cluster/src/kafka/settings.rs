//! Names, limits, and what each client of librdkafka is told.

use std::time::Duration;

use rdkafka::ClientConfig;
use seatkeeper_core::ports::{BackendError, Consumer};

/// The part's name in failures and in readiness.
pub(super) const PART: &str = "events";

/// The longest that one question to the brokers may take: metadata, offsets, the making of topics …
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(3);
/// … and how long a call waits for acknowledgements; the messages go on waiting when it has given up. Both together are less
/// than the 10 s of the relay's lease.
pub(super) const DELIVERY_WITHIN: Duration = Duration::from_secs(4);
/// The longest dead letter. Messages of the other topic have at most 1 MiB, unless an operator allows more.
pub(super) const DEAD_LETTER_BYTES_MAX: usize = 4 * 1024 * 1024;
/// What Kafka adds to a message, headers included, is less than this.
const ENVELOPE_BYTES_MAX: usize = 64 * 1024;
/// The longest message that is sent.
pub(super) const MESSAGE_BYTES_MAX: usize = DEAD_LETTER_BYTES_MAX + ENVELOPE_BYTES_MAX;
/// The most messages that wait for an acknowledgement; more are refused.
const UNDER_WAY_MESSAGES_MAX: u32 = 4096;
/// A broker that takes so long for one request is asked again.
const REQUEST_MS_MAX: u32 = 10_000;
/// The longest pause before a broker that was away is tried again.
const RECONNECT_MS_MAX: u32 = 2_000;
/// A member of a classic group that says nothing for so long is taken for dead. In other groups the broker decides.
const SESSION_MS_MAX: u32 = 10_000;
/// How soon after an acknowledgement the broker is told, in milliseconds. What a crash in between repeats has been done already,
/// and an effect happens once.
pub(super) const COMMIT_EVERY_MS: u32 = 100;
/// How much a consumer fetches ahead of what is buffered here.
const FETCHED_AHEAD_KIB_MAX: u32 = 4096;

/// Where the brokers are and what things are called there.
#[derive(Clone, Debug)]
pub(super) struct KafkaSettings {
    /// `host:port` of each broker that is asked first.
    pub(super) brokers: Vec<String>,
    /// What the names of topics and groups begin with: nothing, unless several cinemas share a Kafka.
    pub(super) prefix: String,
}

impl KafkaSettings {
    /// The topic of all events.
    pub(super) fn events_topic(&self) -> String {
        format!("{}booking_events", self.prefix)
    }

    /// The topic of what could not be handled.
    pub(super) fn dead_letter_topic(&self) -> String {
        format!("{}booking_events.dlq", self.prefix)
    }

    /// The group in which all servers read for one consumer.
    fn group(&self, consumer: Consumer) -> String {
        format!("{}{}", self.prefix, consumer.as_str())
    }

    /// What every client is told.
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

    /// Never twice by the client's own retries, never in another order, and never given up by the client itself: it is the
    /// caller who stops waiting. A message that timed out by itself could be overtaken by the one behind it.
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
            // As the Java clients do it, so that other programs find the same partition; events without a key share one.
            .set("partitioner", "murmur2_random");
        config
    }

    /// A new group starts at the beginning, and only what is stored, after its effect, is committed.
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

/// How servers share partitions. In both, a server keeps those that stay with it while others move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GroupProtocol {
    /// The broker decides: Kafka 4.0 and later.
    Consumer,
    /// The members decide among themselves.
    Classic,
}

/// Kafka is away, slow, or in between: trying again may help.
pub(super) fn retryable(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> BackendError {
    BackendError::retryable(PART, source)
}
