//! The messages that a consumer has received and not acknowledged yet. Plain data structure: no clock, no broker.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use parking_lot::Mutex;
use seatkeeper_core::{event::Event, ports::LoggedEvent};

/// Limit of the messages in the buffer. Further messages stay at the broker.
const BUFFERED_MESSAGES_MAX: usize = 1024;
/// Limit of the bytes in the buffer.
const BUFFERED_BYTES_MAX: usize = 8 * 1024 * 1024;

pub(super) type SharedBuffer = Arc<Mutex<Buffer>>;

/// A message that was received, with its partition and offset in the topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Arrival {
    pub(super) partition: i32,
    pub(super) offset: i64,
    /// Length of the key and the payload together.
    pub(super) bytes: usize,
    pub(super) content: Content,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Event(Event),
    /// The message is not an event, and will be moved to the dead letters.
    Poison(Poison),
}

/// A message that is not an event ("poison message").
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Poison {
    pub(super) key: Option<Vec<u8>>,
    pub(super) payload: Option<Vec<u8>>,
    pub(super) reason: String,
}

/// The received messages, in order of arrival.
///
/// A `position` is the number of a message in order of arrival. Numbers increase, are never reused, and are valid in
/// this process only. When a partition is revoked and assigned again, its messages get new numbers, so that a late
/// acknowledgement covers only messages that its caller has received.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    waiting: VecDeque<(i64, Arrival)>,
    bytes: usize,
    last_position: i64,
    /// For each assigned partition, the next offset to handle.
    done: BTreeMap<i32, i64>,
    /// The entries of `done` that are not yet stored in the client for its next commit.
    unstored: BTreeMap<i32, i64>,
}

impl Buffer {
    pub(super) fn push(&mut self, arrival: Arrival) {
        self.last_position += 1;
        self.bytes += arrival.bytes;
        self.waiting.push_back((self.last_position, arrival));
    }

    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() >= BUFFERED_MESSAGES_MAX || self.bytes >= BUFFERED_BYTES_MAX
    }

    /// Whether the buffer is at most half full, so that reading resumes. Resuming earlier would soon pause it again
    /// (hysteresis).
    pub(super) fn is_low(&self) -> bool {
        self.waiting.len() <= BUFFERED_MESSAGES_MAX / 2 && self.bytes <= BUFFERED_BYTES_MAX / 2
    }

    /// The events before the first message that is not an event.
    pub(super) fn events(&self, limit: u32) -> Vec<LoggedEvent> {
        let events = self.waiting.iter().map_while(|(position, arrival)| match &arrival.content {
            Content::Event(event) => Some(LoggedEvent { position: *position, event: event.clone() }),
            Content::Poison(_) => None,
        });
        events.take(limit as usize).collect()
    }

    /// The first message in the buffer, if it is not an event.
    pub(super) fn poison(&self) -> Option<(i64, Arrival)> {
        self.waiting.front().filter(|(_, arrival)| matches!(arrival.content, Content::Poison(_))).cloned()
    }

    /// Removes all messages up to and including this position, because they have been handled.
    pub(super) fn acknowledge(&mut self, position: i64) {
        while self.waiting.front().is_some_and(|(waiting, _)| *waiting <= position) {
            let Some((_, arrival)) = self.waiting.pop_front() else { return };
            self.bytes -= arrival.bytes;
            self.done.insert(arrival.partition, arrival.offset + 1);
            self.unstored.insert(arrival.partition, arrival.offset + 1);
        }
    }

    /// Takes the offsets that are to be stored in the client: for each partition, the next offset to handle.
    pub(super) fn take_unstored(&mut self) -> BTreeMap<i32, i64> {
        std::mem::take(&mut self.unstored)
    }

    /// The next offset to handle in a partition, whether it is committed or not.
    pub(super) fn done_to(&self, partition: i32) -> Option<i64> {
        self.done.get(&partition).copied()
    }

    /// Removes the messages of a revoked partition. The partition's next owner receives those that are not committed.
    pub(super) fn forget(&mut self, partition: i32) {
        self.waiting.retain(|(_, arrival)| arrival.partition != partition);
        self.bytes = self.waiting.iter().map(|(_, arrival)| arrival.bytes).sum();
        self.done.remove(&partition);
        self.unstored.remove(&partition);
    }

    /// Removes the messages of all partitions. Their positions are not reused.
    pub(super) fn forget_all(&mut self) {
        *self = Self { last_position: self.last_position, ..Self::default() };
    }
}

#[cfg(test)]
mod tests {
    use seatkeeper_core::event::EventKind;
    use seatkeeper_testing::{SeededEntropy, sample_now};

    use super::*;

    fn event(partition: i32, offset: i64) -> Arrival {
        let kind = EventKind::SystemError { code: "internal".to_owned(), place: "test".to_owned(), count: 1 };
        let seed = u64::try_from(offset).unwrap();
        let event = Event::new(sample_now(), &SeededEntropy::new(seed), kind);
        Arrival { partition, offset, bytes: 100, content: Content::Event(event) }
    }

    fn poison(partition: i32, offset: i64) -> Arrival {
        let poison = Poison { key: None, payload: Some(vec![1]), reason: "odd".to_owned() };
        Arrival { partition, offset, bytes: 1, content: Content::Poison(poison) }
    }

    fn buffer_of(arrivals: impl IntoIterator<Item = Arrival>) -> Buffer {
        let mut buffer = Buffer::default();
        arrivals.into_iter().for_each(|arrival| buffer.push(arrival));
        buffer
    }

    fn positions(buffer: &Buffer) -> Vec<i64> {
        buffer.events(100).iter().map(|logged| logged.position).collect()
    }

    #[test]
    fn acknowledgement_covers_the_messages_of_all_partitions_up_to_its_position() {
        let mut buffer = buffer_of([event(7, 40), event(2, 5), event(7, 41), event(2, 6)]);
        assert_eq!(positions(&buffer), [1, 2, 3, 4]);
        buffer.acknowledge(3);
        assert_eq!(positions(&buffer), [4]);
        assert_eq!(buffer.take_unstored(), BTreeMap::from([(2, 6), (7, 42)]));
        assert_eq!(buffer.take_unstored(), BTreeMap::new(), "each offset is taken once");
        buffer.acknowledge(1);
        assert_eq!((positions(&buffer), buffer.done_to(7)), (vec![4], Some(42)), "offsets never go back");
    }

    #[test]
    fn old_position_does_not_acknowledge_messages_of_a_reassigned_partition() {
        let mut buffer = buffer_of([event(1, 10), event(2, 20), event(1, 11)]);
        buffer.forget(1);
        buffer.push(event(1, 10));
        buffer.acknowledge(3);
        assert_eq!(positions(&buffer), [4], "the message has arrived again with a new number");
        assert_eq!(buffer.take_unstored(), BTreeMap::from([(2, 21)]));
    }

    #[test]
    fn message_that_is_not_an_event_blocks_only_later_messages() {
        let mut buffer = buffer_of([event(1, 10), poison(1, 11), event(1, 12)]);
        assert_eq!((positions(&buffer), buffer.poison()), (vec![1], None));
        buffer.acknowledge(1);
        let (position, arrival) = buffer.poison().unwrap();
        assert_eq!((position, arrival.offset, positions(&buffer)), (2, 11, vec![]));
        buffer.acknowledge(position);
        assert_eq!(positions(&buffer), [3]);
    }

    #[test]
    fn full_buffer_resumes_reading_when_it_is_half_empty() {
        let mut buffer = buffer_of((0..1023).map(|offset| event(0, offset)));
        assert!(!buffer.is_full());
        buffer.push(event(0, 1023));
        assert!(buffer.is_full());
        buffer.acknowledge(511);
        assert_eq!((buffer.is_full(), buffer.is_low()), (false, false));
        buffer.acknowledge(512);
        assert!(buffer.is_low());
        buffer.push(Arrival { bytes: BUFFERED_BYTES_MAX, ..event(0, 1024) });
        buffer.acknowledge(1000);
        assert!(buffer.is_full(), "the limit of bytes applies too");
        buffer.forget_all();
        assert!(buffer.is_low());
        buffer.push(event(0, 1025));
        assert_eq!(positions(&buffer), [1026], "numbers are not reused");
    }
}
