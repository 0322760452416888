//! One screening's board and its watchers.

use std::sync::Arc;

use seatkeeper_core::{
    ids::ScreeningId,
    locks::{LiveEvent, Millis, SeatBoard},
    ports::LiveFeed,
};
use tokio::sync::mpsc;

/// Most changes queued for one watcher; a watcher that falls further behind loses its feed and subscribes again.
pub const LIVE_BACKLOG_CHANGES_MAX: usize = 1_024;

/// Most watchers of one screening: a live watched needs one for all of its sockets.
pub const WATCHERS_MAX: usize = 1_024;

pub(super) struct WatchedBoard {
    pub(super) board: SeatBoard,
    /// A lower bound of the next expiry of a lock or payment lock; `MAX` when there is none.
    pub(super) due: Millis,
    pub(super) used_at: Millis,
    watchers: Vec<mpsc::Sender<Arc<LiveEvent>>>,
}

impl WatchedBoard {
    pub(super) fn new(screening: ScreeningId, now: Millis) -> Self {
        Self { board: SeatBoard::new(screening), due: Millis::MAX, used_at: now, watchers: Vec::new() }
    }

    /// Adds a watcher; `None` when there are [`WATCHERS_MAX`] already.
    pub(super) fn watch(&mut self) -> Option<LiveFeed> {
        self.forget_closed();
        if self.watchers.len() >= WATCHERS_MAX {
            return None;
        }
        let (sender, feed) = mpsc::channel(LIVE_BACKLOG_CHANGES_MAX);
        self.watchers.push(sender);
        Some(feed)
    }

    /// Publishes to all watchers without blocking: a watcher with a full queue loses its feed.
    pub(super) fn publish(&mut self, event: LiveEvent) {
        if self.watchers.is_empty() {
            return;
        }
        let event = Arc::new(event);
        self.watchers.retain(|watcher| watcher.try_send(Arc::clone(&event)).is_ok());
    }

    /// Whether the board can be dropped: no locks, no watchers, not used since `since`.
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
