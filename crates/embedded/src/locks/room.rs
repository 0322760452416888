//! One screening's board and those who watch it.

use std::sync::Arc;

use seatkeeper_core::{
    ids::ScreeningId,
    locks::{LiveEvent, Millis, SeatBoard},
    ports::LiveFeed,
};
use tokio::sync::mpsc;

/// The most changes that wait for one watcher; one who is further behind loses its feed and subscribes again.
pub const LIVE_BACKLOG_CHANGES_MAX: usize = 1_024;

/// The most watchers of one screening: a server needs one for all of its sockets.
pub const WATCHERS_MAX: usize = 1_024;

pub(super) struct Room {
    pub(super) board: SeatBoard,
    /// No lock or payment lock ends before this; `MAX` when there is none.
    pub(super) due: Millis,
    pub(super) used_at: Millis,
    watchers: Vec<mpsc::Sender<Arc<LiveEvent>>>,
}

impl Room {
    pub(super) fn new(screening: ScreeningId, now: Millis) -> Self {
        Self { board: SeatBoard::new(screening), due: Millis::MAX, used_at: now, watchers: Vec::new() }
    }

    /// A new watcher; `None` when there are too many.
    pub(super) fn watch(&mut self) -> Option<LiveFeed> {
        self.forget_closed();
        if self.watchers.len() >= WATCHERS_MAX {
            return None;
        }
        let (sender, feed) = mpsc::channel(LIVE_BACKLOG_CHANGES_MAX);
        self.watchers.push(sender);
        Some(feed)
    }

    /// Tells everybody, waits for nobody: who is full loses its feed.
    pub(super) fn publish(&mut self, event: LiveEvent) {
        if self.watchers.is_empty() {
            return;
        }
        let event = Arc::new(event);
        self.watchers.retain(|watcher| watcher.try_send(Arc::clone(&event)).is_ok());
    }

    /// Whether nothing would be lost with it: no locks, no watchers, not used since `since`.
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
