//! One consumer group's consumer in this process: a thread that alone talks to librdkafka, and a buffer between it and the
//! rest of the program.

use std::{
    io,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use rdkafka::{
    config::FromClientConfigAndContext,
    consumer::{BaseConsumer, CommitMode, Consumer as _},
    error::KafkaError,
    types::RDKafkaErrorCode,
};
use seatkeeper_core::ports::Consumer;
use tokio_util::sync::CancellationToken;

use super::{
    buffer::Buffer,
    group::Membership,
    message::arrival_of,
    settings::{GroupProtocol, KafkaSettings},
};

/// How long the thread waits for a message before it looks what else there is to do.
const MESSAGE_WITHIN: Duration = Duration::from_millis(50);
/// How long a consumer that is to stop tries to commit what is done: a coordinator that was away needs some seconds.
const LAST_COMMIT_WITHIN: Duration = Duration::from_secs(5);
/// The pause before a consumer that ended with an error is made anew.
const RENEW_AFTER: Duration = Duration::from_secs(1);

pub(super) type SharedBuffer = Arc<Mutex<Buffer>>;

/// The rest of the program's end of it.
pub(super) struct Reader {
    pub(super) buffer: SharedBuffer,
    ended: CancellationToken,
}

impl Reader {
    /// Starts the thread, which joins the group as soon as there is a broker, and leaves it on `stop`.
    pub(super) fn start(settings: &KafkaSettings, consumer: Consumer, stop: CancellationToken) -> io::Result<Self> {
        let (buffer, ended) = (SharedBuffer::default(), CancellationToken::new());
        let work = Work { settings: settings.clone(), consumer, buffer: Arc::clone(&buffer), stop };
        let end_guard = ended.clone().drop_guard();
        thread::Builder::new().name(consumer.as_str().to_owned()).spawn(move || {
            let _end_guard = end_guard;
            work.run();
        })?;
        Ok(Self { buffer, ended })
    }

    /// Whether the thread is no more.
    pub(super) fn has_ended(&self) -> bool {
        self.ended.is_cancelled()
    }

    /// Until it has left the group.
    pub(super) async fn ended(&self) {
        self.ended.cancelled().await;
    }
}

/// The thread's end.
struct Work {
    settings: KafkaSettings,
    consumer: Consumer,
    buffer: SharedBuffer,
    stop: CancellationToken,
}

impl Work {
    fn run(self) {
        let mut protocol = GroupProtocol::Consumer;
        while let Err(error) = self.read(protocol) {
            self.buffer.lock().forget_all();
            if is_unknown_protocol(&error) && protocol == GroupProtocol::Consumer {
                tracing::info!(consumer = self.consumer.as_str(), "the broker is older than 4.0: a classic group");
                protocol = GroupProtocol::Classic;
            } else {
                tracing::error!(consumer = self.consumer.as_str(), %error, "the consumer ended; a new one follows");
                thread::sleep(RENEW_AFTER);
            }
        }
    }

    /// Reads with one consumer, until it is told to stop or the consumer breaks.
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
                // It goes on by itself when the broker is back.
                Some(Err(error)) => tracing::debug!(consumer = self.consumer.as_str(), %error, "reading"),
            }
        }
        self.commit_last(&consumer);
        // Dropped here, it gives its partitions back and leaves.
        Ok(())
    }

    /// Commits what is done and waits for the answer: the client's own commit when it leaves is not repeated if it is refused.
    fn commit_last(&self, consumer: &BaseConsumer<Membership>) {
        let started = Instant::now();
        consumer.context().store(consumer);
        while let Err(error) = consumer.commit_consumer_state(CommitMode::Sync) {
            if error.rdkafka_error_code() == Some(RDKafkaErrorCode::NoOffset) {
                return;
            }
            if started.elapsed() >= LAST_COMMIT_WITHIN {
                tracing::warn!(consumer = self.consumer.as_str(), %error, "what was handled last is handled again");
                return;
            }
            // Rebalances are answered here. A message is not handled, so its next reader is given it.
            drop(consumer.poll(MESSAGE_WITHIN));
        }
    }

    /// A full buffer takes no more. The thread goes on asking all the same: who does not ask is taken for dead.
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
