//! What a member of a group does when partitions come and go.

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

use super::{quiet::Quiet, reader::SharedBuffer};

/// Keeps the buffer to what is ours. Its calls come on the reader's thread, from inside its question for messages.
pub(super) struct Membership {
    buffer: SharedBuffer,
    topic: String,
    has_moved: AtomicBool,
}

impl Membership {
    pub(super) fn new(buffer: SharedBuffer, topic: String) -> Self {
        Self { buffer, topic, has_moved: AtomicBool::new(false) }
    }

    /// Whether partitions have come or gone since the last time.
    pub(super) fn take_moved(&self) -> bool {
        self.has_moved.swap(false, Ordering::Relaxed)
    }

    /// Stores what is done in the client, which commits it every [`settings::COMMIT_EVERY_MS`], at a rebalance and at the end,
    /// again and again until the broker has taken it.
    ///
    /// A commit that is sent by hand would be lost when the broker refuses it, as it does for a moment after an outage:
    /// librdkafka reports the result of an asynchronous commit to a callback that `rdkafka` does not set.
    ///
    /// [`settings::COMMIT_EVERY_MS`]: super::settings::COMMIT_EVERY_MS
    pub(super) fn store(&self, consumer: &BaseConsumer<Self>) {
        let done = self.buffer.lock().take_unstored();
        if done.is_empty() {
            return;
        }
        let stored = list_of(&self.topic, &done).and_then(|list| consumer.store_offsets(&list));
        if let Err(error) = stored {
            // A partition that has been taken away: its next owner is given those messages again.
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
            Rebalance::Assign(partitions) => tracing::debug!(count = partitions.count(), "partitions come"),
            Rebalance::Revoke(partitions) => {
                tracing::debug!(count = partitions.count(), "partitions go");
                // The client commits it before it lets go, so that whoever comes next starts behind it.
                self.store(consumer);
                let mut buffer = self.buffer.lock();
                partitions.elements().iter().for_each(|element| buffer.forget(element.partition()));
            }
            Rebalance::Error(error) => {
                tracing::debug!(%error, "all partitions are lost");
                self.buffer.lock().forget_all();
            }
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, _offsets: &TopicPartitionList) {
        if let Err(error) = result {
            tracing::debug!(%error, "not committed yet");
        }
    }
}
