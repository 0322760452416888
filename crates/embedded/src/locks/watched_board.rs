//! One screening's seat board and the subscribers to its live changes.

use std::sync::Arc;

use seatkeeper_core::{
    ids::ScreeningId,
    locks::{LiveEvent, Millis, SeatBoard},
    ports::LiveFeed,
};
use tokio::sync::mpsc;

/// The most changes queued for one subscriber. A subscriber that falls further behind loses its feed and subscribes
/// again.
pub const LIVE_BACKLOG_CHANGES_MAX: usize = 1_024;

/// The most subscribers of one screening. A server needs one for all of its sockets.
pub const WATCHERS_MAX: usize = 1_024;

pub(super) struct WatchedBoard {
    pub(super) board: SeatBoard,
    /// Not later than the next expiry of a lock or payment lock; `MAX` when there is none.
    pub(super) due: Millis,
    pub(super) used_at: Millis,
    watchers: Vec<mpsc::Sender<Arc<LiveEvent>>>,
}

impl WatchedBoard {
    pub(super) fn new(screening: ScreeningId, now: Millis) -> Self {
        Self { board: SeatBoard::new(screening), due: Millis::MAX, used_at: now, watchers: Vec::new() }
    }

    /// Adds a subscriber; `None` when there are [`WATCHERS_MAX`] already.
    pub(super) fn watch(&mut self) -> Option<LiveFeed> {
        self.forget_closed();
        if self.watchers.len() >= WATCHERS_MAX {
            return None;
        }
        let (sender, feed) = mpsc::channel(LIVE_BACKLOG_CHANGES_MAX);
        self.watchers.push(sender);
        Some(feed)
    }

    /// Sends an event to all subscribers without blocking. A subscriber with a full queue loses its feed.
    pub(super) fn publish(&mut self, event: LiveEvent) {
        if self.watchers.is_empty() {
            return;
        }
        let event = Arc::new(event);
        self.watchers.retain(|watcher| watcher.try_send(Arc::clone(&event)).is_ok());
    }

    /// Whether the seat board can be dropped: it has no locks and no subscribers, and was not used since `since`.
    pub(super) fn is_idle(&mut self, since: Millis) -> bool {
        self.used_at <= since && !self.board.has_locks() && {
            self.forget_closed();
            self.watchers.is_empty()
        }
    }

    fn forget_closed(&mut self) {
        self.watchers.retain(|watcher| !watcher.is_closed());
    }
}
