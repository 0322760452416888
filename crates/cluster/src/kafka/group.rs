//! Handles rebalances of a consumer group, and stores offsets in the client, which commits them.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
};

use rdkafka::{
    ClientContext, Offset, TopicPartitionList,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer, ConsumerContext, Rebalance},
    error::{KafkaError, KafkaResult},
};

use super::{buffer::SharedBuffer, quiet::Quiet};

/// Removes the messages of revoked partitions from the buffer. librdkafka calls it on the reader's thread, inside of
/// `poll`.
pub(super) struct Membership {
    buffer: SharedBuffer,
    topic: String,
    has_moved: AtomicBool,
}

impl Membership {
    pub(super) fn new(buffer: SharedBuffer, topic: String) -> Self {
        Self { buffer, topic, has_moved: AtomicBool::new(false) }
    }

    /// Returns whether a rebalance has happened since the last call.
    pub(super) fn take_moved(&self) -> bool {
        self.has_moved.swap(false, Ordering::Relaxed)
    }

    /// Stores the acknowledged offsets in the client. The client commits them every [`settings::COMMIT_EVERY_MS`],
    /// retries until the broker accepts them, and commits once more at a rebalance. If that last commit is refused, the
    /// partition's next owner handles the events again.
    ///
    /// An explicit asynchronous commit would be lost when the broker refuses it, as brokers do for a moment after an
    /// outage: librdkafka reports the refusal to a callback that `rdkafka` does not set.
    ///
    /// [`settings::COMMIT_EVERY_MS`]: super::settings::COMMIT_EVERY_MS
    pub(super) fn store(&self, consumer: &BaseConsumer<Self>) {
        let done = self.buffer.lock().take_unstored();
        if done.is_empty() {
            return;
        }
        let stored = list_of(&self.topic, &done).and_then(|list| consumer.store_offsets(&list));
        if let Err(error) = stored {
            // The partition has been revoked. Its next owner handles these messages again.
            tracing::debug!(%error, "offsets not stored");
        }
    }
}

fn list_of(topic: &str, offsets: &BTreeMap<i32, i64>) -> KafkaResult<TopicPartitionList> {
    let mut list = TopicPartitionList::new();
    for (partition, offset) in offsets {
        list.add_partition_offset(topic, *partition, Offset::Offset(*offset))?;
    }
    Ok(list)
}

impl ClientContext for Membership {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        Quiet.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        Quiet.error(error, reason);
    }
}

impl ConsumerContext for Membership {
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        self.has_moved.store(true, Ordering::Relaxed);
        match rebalance {
            Rebalance::Assign(partitions) => tracing::debug!(count = partitions.count(), "partitions assigned"),
            Rebalance::Revoke(partitions) => {
                tracing::debug!(count = partitions.count(), "partitions revoked");
                // The client commits stored offsets before it gives the partitions up, so that their next owner starts
                // there.
                self.store(consumer);
                let mut buffer = self.buffer.lock();
                partitions.elements().iter().for_each(|element| buffer.forget(element.partition()));
            }
            Rebalance::Error(error) => {
                tracing::debug!(%error, "rebalance failed; all partitions are lost");
                self.buffer.lock().forget_all();
            }
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, _offsets: &TopicPartitionList) {
        if let Err(error) = result {
            tracing::debug!(%error, "offsets not committed yet; the client retries");
        }
    }
}
