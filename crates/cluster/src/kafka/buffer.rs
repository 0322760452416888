//! What a consumer has been given and has not done yet. Plain data: no clock, no broker.

use std::collections::{BTreeMap, VecDeque};

use seatkeeper_core::{event::Event, ports::LoggedEvent};

/// The most messages that wait to be handled; the rest waits at the broker.
const BUFFERED_MESSAGES_MAX: usize = 1024;
/// The most bytes of them.
const BUFFERED_BYTES_MAX: usize = 8 * 1024 * 1024;

/// A message at its place in the topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Arrival {
    pub(super) partition: i32,
    pub(super) offset: i64,
    /// How long it was.
    pub(super) bytes: usize,
    pub(super) content: Content,
}

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// An event.
    Event(Event),
    /// Something else. It goes to the dead letters.
    Poison(Poison),
}

/// A message that is not an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Poison {
    pub(super) key: Option<Vec<u8>>,
    pub(super) payload: Option<Vec<u8>>,
    pub(super) reason: String,
}

/// What has arrived, in order of arrival.
///
/// A place is the number of the arrival: it grows, is never used again, and dies with the process. A partition that is taken
/// away and comes back arrives anew, under new numbers, so that no late acknowledgement reaches further than what its caller
/// was given.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    waiting: VecDeque<(i64, Arrival)>,
    bytes: usize,
    last_place: i64,
    /// Of each partition that is ours: the offset behind the last one that is done.
    done: BTreeMap<i32, i64>,
    /// Those of `done` that the client has not been told.
    unstored: BTreeMap<i32, i64>,
}

impl Buffer {
    pub(super) fn push(&mut self, arrival: Arrival) {
        self.last_place += 1;
        self.bytes += arrival.bytes;
        self.waiting.push_back((self.last_place, arrival));
    }

    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() >= BUFFERED_MESSAGES_MAX || self.bytes >= BUFFERED_BYTES_MAX
    }

    /// Half empty: to begin again earlier would be to stop again at once.
    pub(super) fn is_low(&self) -> bool {
        self.waiting.len() <= BUFFERED_MESSAGES_MAX / 2 && self.bytes <= BUFFERED_BYTES_MAX / 2
    }

    /// The events up to the next poison.
    pub(super) fn events(&self, limit: u32) -> Vec<LoggedEvent> {
        let events = self.waiting.iter().map_while(|(position, arrival)| match &arrival.content {
            Content::Event(event) => Some(LoggedEvent { position: *position, event: event.clone() }),
            Content::Poison(_) => None,
        });
        events.take(limit as usize).collect()
    }

    /// What is next, when it is not an event.
    pub(super) fn poison(&self) -> Option<(i64, Arrival)> {
        self.waiting.front().filter(|(_, arrival)| matches!(arrival.content, Content::Poison(_))).cloned()
    }

    /// Everything up to this place is done.
    pub(super) fn acknowledge(&mut self, place: i64) {
        while self.waiting.front().is_some_and(|(waiting, _)| *waiting <= place) {
            let Some((_, arrival)) = self.waiting.pop_front() else { return };
            self.bytes -= arrival.bytes;
            self.done.insert(arrival.partition, arrival.offset + 1);
            self.unstored.insert(arrival.partition, arrival.offset + 1);
        }
    }

    /// What the client is to be told: of each partition the offset to go on from. Afterwards it counts as told.
    pub(super) fn take_unstored(&mut self) -> BTreeMap<i32, i64> {
        std::mem::take(&mut self.unstored)
    }

    /// How far a partition is done, whether the broker knows or not.
    pub(super) fn done_to(&self, partition: i32) -> Option<i64> {
        self.done.get(&partition).copied()
    }

    /// A partition goes to somebody else, who is given again whatever of it is not committed.
    pub(super) fn forget(&mut self, partition: i32) {
        self.waiting.retain(|(_, arrival)| arrival.partition != partition);
        self.bytes = self.waiting.iter().map(|(_, arrival)| arrival.bytes).sum();
        self.done.remove(&partition);
        self.unstored.remove(&partition);
    }

    /// Everything goes.
    pub(super) fn forget_all(&mut self) {
        *self = Self { last_place: self.last_place, ..Self::default() };
    }
}

#[cfg(test)]
mod tests {
    use seatkeeper_core::{
        event::EventKind,
        testing::{SeededEntropy, sample_now},
    };

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

    fn places(buffer: &Buffer) -> Vec<i64> {
        buffer.events(100).iter().map(|logged| logged.position).collect()
    }

    #[test]
    fn a_place_acknowledges_what_arrived_up_to_it_in_every_partition() {
        let mut buffer = buffer_of([event(7, 40), event(2, 5), event(7, 41), event(2, 6)]);
        assert_eq!(places(&buffer), [1, 2, 3, 4]);
        buffer.acknowledge(3);
        assert_eq!(places(&buffer), [4]);
        assert_eq!(buffer.take_unstored(), BTreeMap::from([(2, 6), (7, 42)]));
        assert_eq!(buffer.take_unstored(), BTreeMap::new(), "told once");
        buffer.acknowledge(1);
        assert_eq!((places(&buffer), buffer.done_to(7)), (vec![4], Some(42)), "never back");
    }

    #[test]
    fn a_partition_that_was_taken_away_is_not_acknowledged_by_an_old_place() {
        let mut buffer = buffer_of([event(1, 10), event(2, 20), event(1, 11)]);
        buffer.forget(1);
        buffer.push(event(1, 10));
        buffer.acknowledge(3);
        assert_eq!(places(&buffer), [4], "it came back under a new number");
        assert_eq!(buffer.take_unstored(), BTreeMap::from([(2, 21)]));
    }

    #[test]
    fn poison_stops_only_what_is_behind_it() {
        let mut buffer = buffer_of([event(1, 10), poison(1, 11), event(1, 12)]);
        assert_eq!((places(&buffer), buffer.poison()), (vec![1], None));
        buffer.acknowledge(1);
        let (place, arrival) = buffer.poison().unwrap();
        assert_eq!((place, arrival.offset, places(&buffer)), (2, 11, vec![]));
        buffer.acknowledge(place);
        assert_eq!(places(&buffer), [3]);
    }

    #[test]
    fn a_full_buffer_takes_more_when_it_is_half_empty() {
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
        assert!(buffer.is_full(), "few and long");
        buffer.forget_all();
        assert!(buffer.is_low());
        buffer.push(event(0, 1025));
        assert_eq!(places(&buffer), [1026], "no number is used twice");
    }
}
