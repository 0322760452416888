//! What a member of a group does when partitions come and go.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
};

use rdkafka::{
    ClientContext, Offset, TopicPartitionList,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, Rebalance},
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

    /// Tells the broker what is done and waits for nothing; what it does not take comes back in [`Self::commit_callback`].
    pub(super) fn commit(&self, consumer: &BaseConsumer<Self>) {
        let untold = self.buffer.lock().take_untold();
        if untold.is_empty() {
            return;
        }
        let committed = list_of(&self.topic, &untold).and_then(|list| consumer.commit(&list, CommitMode::Async));
        if let Err(error) = committed {
            tracing::debug!(%error, "not committed");
            let mut buffer = self.buffer.lock();
            untold.keys().for_each(|partition| buffer.tell_again(*partition));
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
                // On its way before we agree to let go, so that whoever comes next starts behind it.
                self.commit(consumer);
                let mut buffer = self.buffer.lock();
                partitions.elements().iter().for_each(|element| buffer.forget(element.partition()));
            }
            Rebalance::Error(error) => {
                tracing::debug!(%error, "all partitions are lost");
                self.buffer.lock().forget_all();
            }
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, offsets: &TopicPartitionList) {
        let mut buffer = self.buffer.lock();
        for element in offsets.elements() {
            if let Err(error) = result.clone().and_then(|()| element.error()) {
                tracing::debug!(%error, partition = element.partition(), "not committed");
                buffer.tell_again(element.partition());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rdkafka::types::RDKafkaErrorCode;

    use super::*;
    use crate::kafka::buffer::{Arrival, Content, Poison};

    #[test]
    fn what_the_broker_did_not_take_is_told_again_as_long_as_it_is_ours() {
        let buffer = SharedBuffer::default();
        let poison = Poison { key: None, payload: None, reason: "odd".to_owned() };
        for partition in [1, 2] {
            let content = Content::Poison(poison.clone());
            buffer.lock().push(Arrival { partition, offset: 10, bytes: 0, content });
        }
        buffer.lock().acknowledge(2);
        let untold = buffer.lock().take_untold();
        buffer.lock().forget(2);
        let membership = Membership::new(Arc::clone(&buffer), "topic".to_owned());
        let told = list_of("topic", &untold).unwrap();
        membership.commit_callback(Ok(()), &told);
        assert_eq!(buffer.lock().take_untold(), BTreeMap::new(), "taken");
        let refused = Err(KafkaError::ConsumerCommit(RDKafkaErrorCode::StaleMemberEpoch));
        membership.commit_callback(refused, &told);
        assert_eq!(buffer.lock().take_untold(), BTreeMap::from([(1, 11)]));
    }
}
