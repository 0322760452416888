//! Reads events for one consumer as this process's member of the consumer group. One thread owns the librdkafka
//! consumer and fills a buffer, which the rest of the program reads.

use std::{
    io,
    sync::{Arc, OnceLock},
    thread,
    time::{Duration, Instant},
};

use rdkafka::{
    config::FromClientConfigAndContext,
    consumer::{BaseConsumer, CommitMode, Consumer as _},
    error::KafkaError,
    types::RDKafkaErrorCode,
};
use seatkeeper_core::ports::Consumer;
use tokio_util::sync::CancellationToken;

use super::{
    buffer::SharedBuffer,
    group::Membership,
    message::arrival_of,
    settings::{GroupProtocol, KafkaSettings},
};

/// How long one poll waits for a message before the thread continues with its other work.
const MESSAGE_WITHIN: Duration = Duration::from_millis(50);
/// Pause before a consumer that failed is replaced by a new one.
const RENEW_AFTER: Duration = Duration::from_secs(1);

/// The handle of a reader's thread.
pub(super) struct Reader {
    pub(super) buffer: SharedBuffer,
    ended: CancellationToken,
}

impl Reader {
    /// Starts the thread. It joins the consumer group once a broker is reachable, and leaves it when `stop` is
    /// cancelled.
    pub(super) fn start(
        settings: &KafkaSettings,
        consumer: Consumer,
        stop: CancellationToken,
        commit_until: Arc<OnceLock<Instant>>,
    ) -> io::Result<Self> {
        let (buffer, ended) = (SharedBuffer::default(), CancellationToken::new());
        let work = Work { settings: settings.clone(), consumer, buffer: Arc::clone(&buffer), stop, commit_until };
        let end_guard = ended.clone().drop_guard();
        thread::Builder::new().name(consumer.as_ref().to_owned()).spawn(move || {
            let _end_guard = end_guard;
            work.run();
        })?;
        Ok(Self { buffer, ended })
    }

    /// Whether the thread has ended.
    pub(super) fn has_ended(&self) -> bool {
        self.ended.is_cancelled()
    }

    /// Waits until the thread has left the group and ended.
    pub(super) async fn ended(&self) {
        self.ended.cancelled().await;
    }
}

/// What the thread owns.
struct Work {
    settings: KafkaSettings,
    consumer: Consumer,
    buffer: SharedBuffer,
    stop: CancellationToken,
    commit_until: Arc<OnceLock<Instant>>,
}

impl Work {
    fn run(self) {
        let mut protocol = GroupProtocol::Consumer;
        while let Err(error) = self.read(protocol) {
            self.buffer.lock().forget_all();
            if is_unknown_protocol(&error) && protocol == GroupProtocol::Consumer {
                tracing::info!(
                    consumer = self.consumer.as_ref(),
                    "the broker is older than Kafka 4.0: using the classic group protocol"
                );
                protocol = GroupProtocol::Classic;
            } else {
                tracing::error!(consumer = self.consumer.as_ref(), %error, "the consumer failed and is replaced");
                thread::sleep(RENEW_AFTER);
            }
        }
    }

    /// Reads with one librdkafka consumer, until `stop` is cancelled or the consumer fails.
    fn read(&self, protocol: GroupProtocol) -> Result<(), KafkaError> {
        let config = self.settings.consumer(self.consumer, protocol);
        let topic = self.settings.events_topic();
        let membership = Membership::new(Arc::clone(&self.buffer), topic.clone());
        let consumer = BaseConsumer::from_config_and_context(&config, membership)?;
        consumer.subscribe(&[&topic])?;
        let mut is_paused = false;
        while !self.stop.is_cancelled() {
            consumer.context().store(&consumer);
            self.hold_back(&consumer, &mut is_paused)?;
            match consumer.poll(MESSAGE_WITHIN) {
                None => {}
                Some(Ok(message)) => {
                    let arrival = arrival_of(&message);
                    self.buffer.lock().push(arrival);
                }
                Some(Err(error @ KafkaError::MessageConsumptionFatal(_))) => return Err(error),
                // librdkafka reconnects and continues by itself.
                Some(Err(error)) => tracing::debug!(consumer = self.consumer.as_ref(), %error, "reading failed"),
            }
        }
        self.commit_last(&consumer);
        // Dropping the consumer revokes its partitions and leaves the group.
        Ok(())
    }

    /// Commits the acknowledged offsets and retries until `commit_until`, because librdkafka does not retry its own
    /// commit on leaving the group. While the group's coordinator is unreachable, one commit may block beyond
    /// `commit_until`; [`super::KafkaLog::close`] does not wait for it.
    fn commit_last(&self, consumer: &BaseConsumer<Membership>) {
        consumer.context().store(consumer);
        while let Err(error) = consumer.commit_consumer_state(CommitMode::Sync) {
            if error.rdkafka_error_code() == Some(RDKafkaErrorCode::NoOffset) {
                return;
            }
            if self.commit_until.get().is_none_or(|until| Instant::now() >= *until) {
                tracing::warn!(consumer = self.consumer.as_ref(), %error, "offsets not committed; events are handled again");
                return;
            }
            // Polling handles rebalances. A message that it returns is dropped and not committed, so the next owner of
            // its partition receives it.
            drop(consumer.poll(MESSAGE_WITHIN));
        }
    }

    /// Pauses the partitions while the buffer is full (backpressure). The thread continues to poll, because the group
    /// removes a member that does not poll.
    fn hold_back(&self, consumer: &BaseConsumer<Membership>, is_paused: &mut bool) -> Result<(), KafkaError> {
        let (is_full, is_low) = {
            let buffer = self.buffer.lock();
            (buffer.is_full(), buffer.is_low())
        };
        let has_moved = consumer.context().take_moved();
        if is_full && !*is_paused || *is_paused && has_moved {
            consumer.pause(&consumer.assignment()?)?;
            *is_paused = true;
        }
        if is_low && *is_paused {
            consumer.resume(&consumer.assignment()?)?;
            *is_paused = false;
        }
        Ok(())
    }
}

fn is_unknown_protocol(error: &KafkaError) -> bool {
    let codes = [RDKafkaErrorCode::UnsupportedFeature, RDKafkaErrorCode::UnsupportedVersion];
    matches!(error, KafkaError::MessageConsumptionFatal(code) if codes.contains(code))
}
