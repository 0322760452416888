//! A room serves one screening to its viewers: it has the seat map, the feed of live changes from the lock store, and
//! the broadcast queue of frames for all sockets.
//!
//! All state is behind one mutex that is never held across an `.await`, so that "subscribe and get the snapshot" and "send a
//! frame" are atomic with respect to each other.

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
    ids::{PersonId, ScreeningId},
    locks::{Hold, LiveEvent, SeatSnapshot},
    ports::LiveFeed,
};
use tokio::{
    sync::{
        Notify,
        broadcast::{self, error::RecvError},
    },
    time::Instant,
};

use super::{
    board::{Fit, LiveBoard},
    frames::screening_frame,
    limits::{LIVE_QUEUE_FRAMES_MAX, tick_of},
    people::{People, Unread},
    seat_map::SeatMapBody,
};

/// A message for every socket of a room.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Frame {
    /// JSON, the same bytes for every socket.
    Text(Utf8Bytes),
    /// A WebSocket ping, to detect dead connections.
    Ping,
}

/// What the room's task has to do after polling the feed of live changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fed {
    /// Send the unsent changes at the next tick.
    Changes,
    /// Subscribe to live changes again and reload the map from a snapshot.
    Lost,
}

/// A screening's room.
pub(super) struct Room {
    pub(super) id: ScreeningId,
    inner: Mutex<Inner>,
    /// Notified when the room gets its first seat map, or is closed.
    opened: Notify,
    /// Wakes the room's task.
    stirred: Notify,
    /// Wakes the task that reads holds from the lock store.
    has_unread: Notify,
}

struct Inner {
    board: LiveBoard,
    people: People,
    /// The screening and its state of sales, both as last sent to viewers.
    screening: Option<(SharedScreening, ScreeningState)>,
    feed: Option<LiveFeed>,
    /// `None` once the room is closed.
    frames: Option<broadcast::Sender<Frame>>,
    sent_at: Option<Instant>,
    asked_at: Instant,
    body: Option<Arc<SeatMapBody>>,
}

/// A viewer's subscription: the snapshot, the frames that follow it, and the frames that only this viewer's sockets
/// get.
pub(super) struct Subscription {
    pub(super) frames: broadcast::Receiver<Frame>,
    pub(super) snapshot: Utf8Bytes,
    /// `None` for a viewer who is not signed in.
    pub(super) own: Option<OwnFrames>,
}

/// The frames that only one person's sockets get: first the person's hold, then every change of the hold and of the
/// person's payments.
pub(super) struct OwnFrames {
    room: Arc<Room>,
    person: PersonId,
    /// The `hold` frame at the time of subscribing; `None` when the hold must still be read, and then arrives through
    /// the queue.
    hold: Option<Utf8Bytes>,
    /// The queue's receiver; `None` only during `drop`.
    frames: Option<broadcast::Receiver<Utf8Bytes>>,
}

impl OwnFrames {
    /// Waits for the next frame.
    ///
    /// # Errors
    /// The socket lagged too far behind the queue, or the room was reloaded: the caller must subscribe again.
    pub(super) async fn next(&mut self) -> Result<Utf8Bytes, RecvError> {
        if let Some(hold) = self.hold.take() {
            return Ok(hold);
        }
        match &mut self.frames {
            Some(frames) => frames.recv().await,
            None => Err(RecvError::Closed),
        }
    }
}

impl Drop for OwnFrames {
    fn drop(&mut self) {
        // Drop the receiver first, so that `leave` sees whether it was the person's last one.
        self.frames = None;
        self.room.inner.lock().people.leave(self.person);
    }
}

impl Room {
    pub(super) fn new(id: ScreeningId, now: Instant) -> Self {
        let (frames, _) = broadcast::channel(LIVE_QUEUE_FRAMES_MAX);
        let inner = Inner {
            board: LiveBoard::new(),
            people: People::default(),
            screening: None,
            feed: None,
            frames: Some(frames),
            sent_at: None,
            asked_at: now,
            body: None,
        };
        Self { id, inner: Mutex::new(inner), opened: Notify::new(), stirred: Notify::new(), has_unread: Notify::new() }
    }

    // --- the screening itself ---

    /// Replaces the room's screening with `open`, unless its revision is lower than the current one. Viewers get a
    /// `screening` frame if the revision has grown or the state of sales has changed since the last such frame. If the
    /// layout has changed, the map is reloaded and viewers get a new snapshot.
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

    /// The screening as last sent to viewers.
    pub(super) fn screening(&self) -> Option<SharedScreening> {
        self.inner.lock().screening.as_ref().map(|(open, _)| Arc::clone(open))
    }

    // --- viewers ---

    /// Subscribes a viewer, with `person` if signed in. The subscription starts with a snapshot of the map as of the
    /// last frame sent. `None` when the room is closed or has no map yet.
    pub(super) fn subscribe(self: &Arc<Self>, now: Instant, person: Option<PersonId>) -> Option<Subscription> {
        let mut inner = self.inner.lock();
        inner.asked_at = now;
        if !inner.board.has_map() {
            return None;
        }
        let frames = inner.frames.as_ref()?.subscribe();
        let own = person.and_then(|person| {
            let (frames, hold) = inner.people.join(person)?;
            Some(OwnFrames { room: Arc::clone(self), person, hold, frames: Some(frames) })
        });
        self.wake_reader(&inner);
        Some(Subscription { frames, snapshot: inner.board.snapshot_frame(), own })
    }

    /// Waits until the room has a map; returns `false` when the room was closed instead.
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

    /// Returns the map with every change that this server has received, whether sent to viewers or not; `None` when
    /// changes may be missing.
    pub(super) fn known(&self, now: Instant) -> Option<SeatSnapshot> {
        let mut inner = self.inner.lock();
        self.catch_up(&mut inner, now).then(|| inner.board.known())
    }

    /// Returns the map of [`Self::known`] as a response body, cached until the map or the screening changes.
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

    /// Applies all pending changes of the feed, so that a client that reads the map after its own call sees the effect
    /// (read your writes). Returns `false` when changes may be missing.
    fn catch_up(&self, inner: &mut Inner, now: Instant) -> bool {
        inner.asked_at = now;
        let Inner { board, people, feed, .. } = &mut *inner;
        let Some(feed) = feed.as_mut() else { return false };
        while let Ok(event) = feed.try_recv() {
            if take_in(board, people, &event) == Fit::Gap {
                break;
            }
        }
        self.wake_reader(inner);
        if !inner.board.in_step() || inner.board.has_unsent() {
            self.stirred.notify_one();
        }
        inner.board.in_step()
    }

    // --- the room's task ---

    /// Replaces the feed of live changes and the map. The snapshot must have been requested after the feed's
    /// subscription was confirmed.
    pub(super) fn start_over(&self, feed: LiveFeed, snapshot: &SeatSnapshot) {
        let mut inner = self.inner.lock();
        inner.feed = Some(feed);
        match inner.board.start_over(snapshot) {
            Some(frame) => {
                // Make the sockets of signed-in viewers subscribe again, because each viewer's hold must follow the
                // snapshot.
                inner.people.start_over();
                inner.send(Frame::Text(frame));
            }
            None => inner.people.resume_from(snapshot.seq),
        }
        self.wake_reader(&inner);
        drop(inner);
        self.opened.notify_waiters();
    }

    /// Applies changes from the feed until none is pending.
    pub(super) fn poll_feed(&self, cx: &mut Context<'_>) -> Poll<Fed> {
        let mut inner = self.inner.lock();
        let mut fed = false;
        let Inner { board, people, feed, .. } = &mut *inner;
        let polled = loop {
            if !board.in_step() {
                break Poll::Ready(Fed::Lost);
            }
            let Some(feed) = feed.as_mut() else { break Poll::Ready(Fed::Lost) };
            match feed.poll_recv(cx) {
                Poll::Ready(Some(event)) => {
                    fed = true;
                    take_in(board, people, &event);
                }
                Poll::Ready(None) => board.lose_step(),
                Poll::Pending if fed => break Poll::Ready(Fed::Changes),
                Poll::Pending => break Poll::Pending,
            }
        };
        self.wake_reader(&inner);
        polled
    }

    /// Waits for people whose holds must be read from the lock store, and takes up to `people_max` of them.
    pub(super) async fn unread_holds(&self, people_max: usize) -> Unread {
        loop {
            let unread = self.inner.lock().people.take_unread(people_max);
            match unread {
                Some(unread) => return unread,
                None => self.has_unread.notified().await,
            }
        }
    }

    /// Delivers a hold read from the lock store, unless a live change has already delivered a newer one.
    pub(super) fn put_hold(&self, generation: u64, person: PersonId, hold: &Hold) {
        self.inner.lock().people.put_read(self.id, generation, person, hold);
    }

    /// Schedules another read of a hold after a failure.
    pub(super) fn read_hold_again(&self, person: PersonId) {
        self.inner.lock().people.put_back(person);
    }

    fn wake_reader(&self, inner: &Inner) {
        if inner.people.has_unread() {
            self.has_unread.notify_one();
        }
    }

    /// Sends the unsent changes if the current tick is over; otherwise returns the time when the tick will be over.
    ///
    /// The first change after a tick without changes is sent at once; changes that follow within the tick are batched.
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

    /// Sends the heartbeat: a ping if `with_ping`, and, if `is_true` says that the map is known to be current, all
    /// unsent changes followed by `alive`.
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

    /// Waits, in the room's task, until another task notifies it.
    pub(super) async fn stirred(&self) {
        self.stirred.notified().await;
    }

    // --- the hub ---

    /// Sequence number of the last change applied to the map; `None` when changes may be missing.
    pub(super) fn known_seq(&self) -> Option<u64> {
        let inner = self.inner.lock();
        inner.board.in_step().then(|| inner.board.known_seq())
    }

    /// The greatest sequence number that may have been sent to any viewer; `None` when changes may be missing. It can
    /// exceed [`Self::known_seq`], because a hold read from the lock store may be newer than the live changes received.
    pub(super) fn sent_seq(&self) -> Option<u64> {
        let inner = self.inner.lock();
        inner.board.in_step().then(|| inner.board.known_seq().max(inner.people.read_seq()))
    }

    /// Marks the map as possibly missing changes, so that the room's task subscribes again and reloads the map.
    pub(super) fn lose_step(&self) {
        self.inner.lock().board.lose_step();
        self.stirred.notify_one();
    }

    /// Records a use of the room, which restarts its idle time.
    pub(super) fn touch(&self, now: Instant) {
        self.inner.lock().asked_at = now;
    }

    /// Closes the room if it has no viewers and was not used for `idle`; returns whether the room was closed. Later
    /// calls of [`Self::subscribe`] return `None`.
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

    /// Closes the room. Its sockets send their queued frames and then close with code 1012.
    pub(super) fn close(&self) {
        self.inner.lock().close();
        self.opened.notify_waiters();
        self.stirred.notify_one();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.inner.lock().frames.is_none()
    }

    #[cfg(test)]
    pub(super) fn count_people(&self) -> usize {
        self.inner.lock().people.count()
    }
}

/// Applies a live event: the holds in a change are sent to the people who have them at once, its seats to all viewers
/// at the room's next tick.
fn take_in(board: &mut LiveBoard, people: &mut People, event: &LiveEvent) -> Fit {
    match event {
        LiveEvent::Seats(change) => {
            let fit = board.apply(change);
            // The holds of a change that the snapshot already contains need not be sent: the reload has marked all
            // holds to be read.
            if fit == Fit::Next {
                people.take_in(change);
            }
            fit
        }
        LiveEvent::Payment(change) => {
            people.take_in_payment(change);
            Fit::Known
        }
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
            // Sending fails only when the room has no viewers.
            let _ = frames.send(frame);
        }
    }

    fn close(&mut self) {
        self.frames = None;
        self.feed = None;
        self.board.lose_step();
    }
}
