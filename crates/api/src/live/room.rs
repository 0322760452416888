//! One screening's room: the map, the feed of changes, and the queue from which every socket takes its frames.
//!
//! Everything is behind one mutex that is never held across an `.await`, so that "join and get the snapshot" and "send a
//! frame" cannot come between one another.

use std::{
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::extract::ws::Utf8Bytes;
use jiff::Timestamp;
use parking_lot::Mutex;
use seatkeeper_core::{
    catalogue::{ScreeningState, SharedScreening},
    ids::ScreeningId,
    locks::SeatSnapshot,
    ports::LiveFeed,
};
use tokio::{
    sync::{Notify, broadcast},
    time::Instant,
};

use super::{
    board::{Fit, LiveBoard},
    frames::screening_frame,
    limits::{LIVE_QUEUE_FRAMES_MAX, tick_of},
    seat_map::SeatMapBody,
};

/// What a socket is to send.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Frame {
    /// JSON, the same bytes for every socket.
    Text(Utf8Bytes),
    /// Are you there?
    Ping,
}

/// What the room's task has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fed {
    /// Send what is unsent when its time has come.
    Changes,
    /// Subscribe anew and start over.
    Lost,
}

/// A screening's room.
pub(super) struct Room {
    pub(super) id: ScreeningId,
    inner: Mutex<Inner>,
    /// The room has its first map, or is closed.
    opened: Notify,
    /// The room's task has something to look at.
    stirred: Notify,
}

struct Inner {
    board: LiveBoard,
    /// The screening as its viewers know it, with the state that they were told.
    screening: Option<(SharedScreening, ScreeningState)>,
    feed: Option<LiveFeed>,
    /// `None` once the room is closed.
    frames: Option<broadcast::Sender<Frame>>,
    sent_at: Option<Instant>,
    asked_at: Instant,
    body: Option<Arc<SeatMapBody>>,
}

/// A viewer's place in a room: its queue, which starts right after the snapshot.
pub(super) struct Seat {
    pub(super) frames: broadcast::Receiver<Frame>,
    pub(super) snapshot: Utf8Bytes,
}

impl Room {
    pub(super) fn new(id: ScreeningId, now: Instant) -> Self {
        let (frames, _) = broadcast::channel(LIVE_QUEUE_FRAMES_MAX);
        let inner = Inner {
            board: LiveBoard::new(),
            screening: None,
            feed: None,
            frames: Some(frames),
            sent_at: None,
            asked_at: now,
            body: None,
        };
        Self { id, inner: Mutex::new(inner), opened: Notify::new(), stirred: Notify::new() }
    }

    // --- the screening itself ---

    /// Takes in the screening as it is now. Viewers get a `screening` frame when its revision has grown, and when sales have
    /// closed since they were told; a new layout starts the map over. An older copy than the one at hand is ignored.
    pub(super) fn set_screening(&self, open: &SharedScreening, now: Timestamp) {
        let state = open.state(now);
        let mut inner = self.inner.lock();
        let Some((known, told)) = &inner.screening else {
            inner.board.set_revision(open.revision, false);
            inner.screening = Some((Arc::clone(open), state));
            return;
        };
        let is_changed = open.revision > known.revision;
        if open.revision < known.revision || !is_changed && *told == state {
            return;
        }
        let is_redrawn = known.screening.layout != open.screening.layout;
        if is_changed {
            inner.board.set_revision(open.revision, is_redrawn);
        }
        inner.send(Frame::Text(screening_frame(open, state).into()));
        inner.screening = Some((Arc::clone(open), state));
        drop(inner);
        if is_redrawn {
            self.stirred.notify_one();
        }
    }

    /// The screening as viewers know it.
    pub(super) fn screening(&self) -> Option<SharedScreening> {
        self.inner.lock().screening.as_ref().map(|(open, _)| Arc::clone(open))
    }

    // --- viewers ---

    /// A place in the room with the map as of the last frame sent; `None` when the room is closed or has no map yet.
    pub(super) fn join(&self, now: Instant) -> Option<Seat> {
        let mut inner = self.inner.lock();
        inner.asked_at = now;
        if !inner.board.has_map() {
            return None;
        }
        let frames = inner.frames.as_ref()?.subscribe();
        Some(Seat { frames, snapshot: inner.board.snapshot_frame() })
    }

    /// Waits until there is a map; `false` when the room was closed instead.
    pub(super) async fn opened(&self) -> bool {
        loop {
            let opened = self.opened.notified();
            {
                let inner = self.inner.lock();
                if inner.frames.is_none() || inner.board.has_map() {
                    return inner.frames.is_some();
                }
            }
            opened.await;
        }
    }

    /// The map with every change that has arrived, sent or not; `None` when it may be out of step.
    pub(super) fn known(&self, now: Instant) -> Option<SeatSnapshot> {
        let mut inner = self.inner.lock();
        self.catch_up(&mut inner, now).then(|| inner.board.known())
    }

    /// The same as the body of an answer, kept until something changes.
    pub(super) fn seat_map(&self, screening: &SharedScreening, now: Instant) -> Option<Arc<SeatMapBody>> {
        let mut inner = self.inner.lock();
        if !self.catch_up(&mut inner, now) {
            return None;
        }
        let seq = inner.board.known_seq();
        if let Some(body) = inner.body.as_ref().filter(|body| body.is_of(screening, seq)) {
            return Some(Arc::clone(body));
        }
        let body = Arc::new(SeatMapBody::new(screening, &inner.board.known()));
        inner.body = Some(Arc::clone(&body));
        Some(body)
    }

    /// Takes in what waits in the feed, so that whoever asks after a call was answered sees what it did.
    fn catch_up(&self, inner: &mut Inner, now: Instant) -> bool {
        inner.asked_at = now;
        let Some(feed) = inner.feed.as_mut() else { return false };
        while let Ok(change) = feed.try_recv() {
            if inner.board.apply(&change) == Fit::Gap {
                break;
            }
        }
        if !inner.board.in_step() || inner.board.has_unsent() {
            self.stirred.notify_one();
        }
        inner.board.in_step()
    }

    // --- the room's task ---

    /// Takes a new feed; the snapshot that follows was asked for after it was confirmed.
    pub(super) fn start_over(&self, feed: LiveFeed, snapshot: &SeatSnapshot) {
        let mut inner = self.inner.lock();
        inner.feed = Some(feed);
        if let Some(frame) = inner.board.start_over(snapshot) {
            inner.send(Frame::Text(frame));
        }
        drop(inner);
        self.opened.notify_waiters();
    }

    /// Takes in changes until none waits.
    pub(super) fn poll_feed(&self, cx: &mut Context<'_>) -> Poll<Fed> {
        let mut inner = self.inner.lock();
        let mut fed = false;
        loop {
            if !inner.board.in_step() {
                return Poll::Ready(Fed::Lost);
            }
            let Some(feed) = inner.feed.as_mut() else { return Poll::Ready(Fed::Lost) };
            match feed.poll_recv(cx) {
                Poll::Ready(Some(change)) => {
                    fed = true;
                    inner.board.apply(&change);
                }
                Poll::Ready(None) => inner.board.lose_step(),
                Poll::Pending if fed => return Poll::Ready(Fed::Changes),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Sends what is unsent if its time has come; otherwise says when.
    ///
    /// The first change after a quiet tick goes at once, those that come fast go together.
    pub(super) fn send_if_due(&self, now: Instant) -> Option<Instant> {
        let mut inner = self.inner.lock();
        if !inner.board.has_unsent() {
            return None;
        }
        let due = inner.sent_at.map(|sent| sent + tick_of(inner.viewers()));
        if let Some(due) = due.filter(|due| *due > now) {
            return Some(due);
        }
        inner.send_unsent(now);
        None
    }

    /// Says that the server is there, after everything unsent.
    pub(super) fn send_alive(&self, with_ping: bool, is_true: bool, now: Instant) {
        let mut inner = self.inner.lock();
        if with_ping {
            inner.send(Frame::Ping);
        }
        if is_true && inner.board.in_step() {
            inner.send_unsent(now);
            let alive = inner.board.alive_frame();
            inner.send(Frame::Text(alive));
        }
    }

    /// Waits until somebody else has touched the room.
    pub(super) async fn stirred(&self) {
        self.stirred.notified().await;
    }

    // --- the hub ---

    /// The sequence known, when the room is in step.
    pub(super) fn known_seq(&self) -> Option<u64> {
        let inner = self.inner.lock();
        inner.board.in_step().then(|| inner.board.known_seq())
    }

    /// Something was missed: subscribe anew and start over.
    pub(super) fn lose_step(&self) {
        self.inner.lock().board.lose_step();
        self.stirred.notify_one();
    }

    /// Somebody asked just now: stay open.
    pub(super) fn touch(&self, now: Instant) {
        self.inner.lock().asked_at = now;
    }

    /// Closes the room when nobody looks and nobody has asked for `idle`. Whoever comes too late finds it closed.
    pub(super) fn close_if_idle(&self, now: Instant, idle: Duration) -> bool {
        let mut inner = self.inner.lock();
        let is_idle = inner.viewers() == 0 && now.saturating_duration_since(inner.asked_at) >= idle;
        if is_idle {
            inner.close();
            self.opened.notify_waiters();
            self.stirred.notify_one();
        }
        is_idle
    }

    /// Closes the room; its sockets send what is in their queues and then say goodbye.
    pub(super) fn close(&self) {
        self.inner.lock().close();
        self.opened.notify_waiters();
        self.stirred.notify_one();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.inner.lock().frames.is_none()
    }
}

impl Inner {
    fn viewers(&self) -> usize {
        self.frames.as_ref().map_or(0, broadcast::Sender::receiver_count)
    }

    fn send_unsent(&mut self, now: Instant) {
        if let Some(frame) = self.board.take_frame() {
            self.sent_at = Some(now);
            self.send(Frame::Text(frame));
        }
    }

    fn send(&self, frame: Frame) {
        if let Some(frames) = &self.frames {
            // Fails only when nobody looks.
            let _ = frames.send(frame);
        }
    }

    fn close(&mut self) {
        self.frames = None;
        self.feed = None;
        self.board.lose_step();
    }
}
