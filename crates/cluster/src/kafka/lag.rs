//! How far a group is behind.

use std::{
    thread,
    time::{Duration, Instant},
};

use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::KafkaResult,
    topic_partition_list::TopicPartitionListElem,
};

use super::{group::Membership, reader::SharedBuffer, settings::ANSWER_WITHIN};

/// The pause before the brokers are asked again.
const ASK_EVERY: Duration = Duration::from_millis(50);

/// Asks the brokers, again while partitions of a new topic or of a broker that went find their leaders. Blocks for as long as
/// that takes, within limits.
pub(super) fn ask(consumer: &BaseConsumer<Membership>, topic: &str, buffer: &SharedBuffer) -> KafkaResult<u64> {
    let asked_at = Instant::now();
    loop {
        let answer = ask_once(consumer, topic, buffer);
        if answer.is_ok() || asked_at.elapsed() > ANSWER_WITHIN {
            return answer;
        }
        thread::sleep(ASK_EVERY);
    }
}

/// For all partitions, whoever reads them: where each ends, and how far the group has committed. What was acknowledged here
/// counts, told or not.
fn ask_once(consumer: &BaseConsumer<Membership>, topic: &str, buffer: &SharedBuffer) -> KafkaResult<u64> {
    let metadata = consumer.fetch_metadata(Some(topic), ANSWER_WITHIN)?;
    let described = metadata.topics().iter().flat_map(|topic| topic.partitions());
    let partitions: Vec<i32> = described.map(|partition| partition.id()).collect();
    let list = |offset| list_of(topic, &partitions, offset);
    let ends = consumer.offsets_for_times(list(Offset::End)?, ANSWER_WITHIN)?;
    let committed = consumer.committed_offsets(list(Offset::Invalid)?, ANSWER_WITHIN)?;
    let starts = consumer.offsets_for_times(list(Offset::Beginning)?, ANSWER_WITHIN)?;
    let buffer = buffer.lock();
    let behind = partitions.iter().map(|partition| {
        let at =
            |list: &TopicPartitionList| list.find_partition(topic, *partition).and_then(|element| offset(&element));
        let done = at(&committed).max(buffer.done_to(*partition)).max(at(&starts)).unwrap_or(0);
        u64::try_from(at(&ends).unwrap_or(0) - done).unwrap_or(0)
    });
    Ok(behind.sum())
}

fn list_of(topic: &str, partitions: &[i32], offset: Offset) -> KafkaResult<TopicPartitionList> {
    let mut list = TopicPartitionList::new();
    for partition in partitions {
        list.add_partition_offset(topic, *partition, offset)?;
    }
    Ok(list)
}

fn offset(element: &TopicPartitionListElem<'_>) -> Option<i64> {
    match element.offset() {
        Offset::Offset(offset) => Some(offset),
        Offset::Beginning | Offset::End | Offset::Stored | Offset::Invalid | Offset::OffsetTail(_) => None,
    }
}
