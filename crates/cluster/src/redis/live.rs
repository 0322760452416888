//! Live changes: forwards the push messages of Redis to the feeds that the live rooms read.
//!
//! The task that reads the connection runs this code, so nothing here may block. A feed that may have missed a message
//! is closed; its live room then subscribes again and starts from a new snapshot.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;
use redis::{
    PushInfo, PushKind, Value,
    aio::{AsyncPushSender, SendError},
};
use seatkeeper_core::{ids::ScreeningId, locks::LiveEvent, ports::LiveFeed};
use tokio::sync::mpsc;

use super::{keys::screening_of, message::read_message};

/// Limit of the changes that are queued for one feed. A feed whose reader falls further behind is closed, and the
/// reader subscribes again.
pub const LIVE_BACKLOG_CHANGES_MAX: usize = 1_024;

/// Limit of the feeds of one screening in this process. A live room needs only one for all of its sockets.
pub const WATCHERS_MAX: usize = 1_024;

/// The feeds of one screening that are open in this process.
#[derive(Default)]
struct Watched {
    /// The sequence number of the last message; `None` before the first.
    seq: Option<u64>,
    watchers: Vec<mpsc::Sender<Arc<LiveEvent>>>,
}

/// How a message relates to the previous message of the screening.
enum Fit {
    Next,
    /// A duplicate that arrived on the other channel: while a server of the previous version is subscribed, the
    /// functions publish each change on both channels.
    Repeated,
    /// At least one message between them was lost.
    Gap,
}

impl Watched {
    fn fit(&self, event: &LiveEvent) -> Fit {
        match (event, self.seq) {
            (LiveEvent::Payment(_), _) | (LiveEvent::Seats(_), None) => Fit::Next,
            (LiveEvent::Seats(change), Some(seq)) if change.prev == seq => Fit::Next,
            (LiveEvent::Seats(change), Some(seq)) if change.holds.is_none() && change.seq <= seq => Fit::Repeated,
            (LiveEvent::Seats(_), Some(_)) => Fit::Gap,
        }
    }

    fn send(&mut self, event: LiveEvent) {
        if let LiveEvent::Seats(change) = &event {
            self.seq = Some(change.seq);
        }
        let event = Arc::new(event);
        self.watchers.retain(|watcher| watcher.try_send(Arc::clone(&event)).is_ok());
    }
}

/// The open feeds of this process, by screening.
#[derive(Default)]
pub(super) struct Feeds(Mutex<HashMap<ScreeningId, Watched>>);

impl Feeds {
    /// Opens a feed of the messages that arrive from now on; `None` when the screening already has [`WATCHERS_MAX`]
    /// feeds.
    pub(super) fn open(&self, screening: ScreeningId) -> Option<LiveFeed> {
        let mut all = self.0.lock();
        let watched = all.entry(screening).or_default();
        watched.watchers.retain(|watcher| !watcher.is_closed());
        if watched.watchers.is_empty() {
            // Messages may have been missed while the screening had no feed, so the next message is accepted whatever
            // its `prev`.
            watched.seq = None;
        }
        if watched.watchers.len() >= WATCHERS_MAX {
            return None;
        }
        let (sender, feed) = mpsc::channel(LIVE_BACKLOG_CHANGES_MAX);
        watched.watchers.push(sender);
        Some(feed)
    }

    /// Removes the screenings that have no open feed any more, and returns them.
    pub(super) fn take_unwatched(&self) -> Vec<ScreeningId> {
        let mut unwatched = Vec::new();
        self.0.lock().retain(|screening, watched| {
            watched.watchers.retain(|watcher| !watcher.is_closed());
            if watched.watchers.is_empty() {
                unwatched.push(*screening);
            }
            !watched.watchers.is_empty()
        });
        unwatched
    }

    /// Closes every feed after a connection was lost, because messages may have been missed. The screenings stay in the
    /// map until [`Self::take_unwatched`] removes them, because the client of a Redis Cluster subscribes to their
    /// channels again by itself.
    pub(super) fn close_all(&self) {
        for watched in self.0.lock().values_mut() {
            *watched = Watched::default();
        }
    }

    fn close(&self, screening: ScreeningId) {
        if let Some(watched) = self.0.lock().get_mut(&screening) {
            *watched = Watched::default();
        }
    }

    fn receive(&self, channel: &[u8], payload: &[u8]) {
        let Some(screening) = screening_of(channel) else { return };
        let event = read_message(screening, payload);
        let mut all = self.0.lock();
        let watched = all.entry(screening).or_default();
        match event.map(|event| (watched.fit(&event), event)) {
            Some((Fit::Next, event)) => watched.send(event),
            Some((Fit::Repeated, _)) => {}
            // A message was lost, is damaged, or has a version that this server does not understand: all feeds are
            // closed.
            Some((Fit::Gap, _)) | None => *watched = Watched::default(),
        }
    }
}

impl AsyncPushSender for Feeds {
    fn send(&self, push: PushInfo) -> Result<(), SendError> {
        match (push.kind, push.data.as_slice()) {
            (PushKind::SMessage, [Value::BulkString(channel), Value::BulkString(payload)]) => {
                self.receive(channel, payload)
            }
            // Redis itself ends a subscription when it moves the screening's hash slot to another node.
            (PushKind::SUnsubscribe, [Value::BulkString(channel), ..]) => {
                if let Some(screening) = screening_of(channel) {
                    self.close(screening);
                }
            }
            (PushKind::Disconnection, _) => self.close_all(),
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::error::TryRecvError;
    use uuid::Uuid;

    use super::{super::keys::board_key, *};

    const HERE: ScreeningId = ScreeningId::from_uuid(Uuid::from_u128(1));

    fn push(feeds: &Feeds, kind: PushKind, payload: &str) {
        let text = |text: &str| Value::BulkString(text.as_bytes().to_vec());
        assert!(feeds.send(PushInfo { kind, data: vec![text(&board_key(HERE)), text(payload)] }).is_ok());
    }

    fn push_change(feeds: &Feeds, prev: u64, seq: u64) {
        push(feeds, PushKind::SMessage, &format!("2 seats {prev} {seq} A1 B"));
    }

    fn push_change_in_version_1(feeds: &Feeds, prev: u64, seq: u64) {
        push(feeds, PushKind::SMessage, &format!("1 {prev} {seq} A1 B"));
    }

    /// The sequence number of the feed's next change, and whether that change names the changed holds.
    fn next(feed: &mut LiveFeed) -> Result<(u64, bool), TryRecvError> {
        feed.try_recv().map(|event| match &*event {
            LiveEvent::Seats(change) => (change.seq, change.holds.is_some()),
            LiveEvent::Payment(change) => panic!("{change:?}"),
        })
    }

    #[test]
    fn every_feed_of_a_screening_receives_every_change_in_order() {
        let feeds = Feeds::default();
        let mut both = [feeds.open(HERE).unwrap(), feeds.open(HERE).unwrap()];
        push_change(&feeds, 3, 5);
        push_change(&feeds, 5, 6);
        for feed in &mut both {
            assert_eq!(next(feed), Ok((5, true)));
            assert_eq!(next(feed), Ok((6, true)));
            assert_eq!(next(feed), Err(TryRecvError::Empty));
        }
    }

    #[test]
    fn change_that_is_published_in_both_versions_arrives_once() {
        let feeds = Feeds::default();
        let mut feed = feeds.open(HERE).unwrap();
        push_change(&feeds, 3, 5);
        push_change_in_version_1(&feeds, 3, 5);
        // A server of the previous version publishes messages of version 1 only.
        push_change_in_version_1(&feeds, 5, 6);
        push_change(&feeds, 6, 8);
        push_change_in_version_1(&feeds, 6, 8);
        assert_eq!([next(&mut feed), next(&mut feed), next(&mut feed)], [Ok((5, true)), Ok((6, false)), Ok((8, true))]);
        assert_eq!(next(&mut feed), Err(TryRecvError::Empty));
    }

    #[test]
    fn payment_message_does_not_break_the_sequence_of_changes() {
        let feeds = Feeds::default();
        let mut feed = feeds.open(HERE).unwrap();
        push_change(&feeds, 3, 5);
        let id = Uuid::nil();
        push(&feeds, PushKind::SMessage, &format!("2 payment {id} {id} SUCCEEDED"));
        push_change(&feeds, 5, 6);
        assert_eq!(next(&mut feed), Ok((5, true)));
        assert!(matches!(feed.try_recv().as_deref(), Ok(LiveEvent::Payment(_))));
        assert_eq!(next(&mut feed), Ok((6, true)));
    }

    #[test]
    fn feed_is_closed_when_it_may_have_missed_a_message() {
        let lost: [fn(&Feeds); 6] = [
            |feeds| push_change(feeds, 6, 7),
            |feeds| push_change_in_version_1(feeds, 6, 7),
            |feeds| push(feeds, PushKind::SMessage, "3 5 6 A1 B"),
            |feeds| push(feeds, PushKind::SUnsubscribe, "0"),
            |feeds| push(feeds, PushKind::Disconnection, ""),
            |feeds| (0..=LIVE_BACKLOG_CHANGES_MAX as u64).for_each(|seq| push_change(feeds, seq + 5, seq + 6)),
        ];
        for lose in lost {
            let feeds = Feeds::default();
            let mut feed = feeds.open(HERE).unwrap();
            push_change(&feeds, 3, 5);
            assert!(feed.try_recv().is_ok());
            lose(&feeds);
            while feed.try_recv().is_ok() {}
            assert_eq!(feed.try_recv(), Err(TryRecvError::Disconnected));
            assert_eq!(feeds.take_unwatched(), [HERE], "the subscription ends too");
        }
    }

    #[test]
    fn screening_is_unsubscribed_when_its_last_feed_is_dropped() {
        let feeds = Feeds::default();
        let (one, two) = (feeds.open(HERE).unwrap(), feeds.open(HERE).unwrap());
        drop(one);
        assert_eq!(feeds.take_unwatched(), []);
        drop(two);
        assert_eq!(feeds.take_unwatched(), [HERE]);
        assert_eq!(feeds.take_unwatched(), []);
        push_change(&feeds, 1, 2);
        assert_eq!(feeds.take_unwatched(), [HERE], "a message without watchers ends the subscription");
    }

    #[test]
    fn number_of_feeds_of_one_screening_is_limited() {
        let feeds = Feeds::default();
        let all: Vec<_> = (0..WATCHERS_MAX).map_while(|_| feeds.open(HERE)).collect();
        assert_eq!(all.len(), WATCHERS_MAX);
        assert!(feeds.open(HERE).is_none());
        drop(all);
        assert!(feeds.open(HERE).is_some());
    }
}
