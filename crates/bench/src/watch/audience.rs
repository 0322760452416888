//! The viewers: all count the frames that they receive, some of them measure the delays.

use std::{
    collections::HashMap,
    sync::Arc,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use futures_util::StreamExt;
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{Message, protocol::WebSocketConfig},
};

use crate::{outcome::Outcome, server::Server, times::Times, visitor::Stage};

/// Viewers that parse frames to measure delays. Parsing takes CPU from the server, and this sample is large enough.
const TIMED_VIEWERS_MAX: u64 = 20;
/// Frames are small; the default buffer is 128 KiB per viewer.
const READ_BUFFER_BYTES: usize = 4_096;

pub(crate) type Socket = WebSocketStream<TcpStream>;

/// Totals of all viewers.
pub(super) struct Audience {
    started: Instant,
    seats: HashMap<String, usize>,
    /// When each seat was last unlocked and last locked, in microseconds since the start.
    clicked_us: Vec<[AtomicU64; 2]>,
    frames: AtomicU64,
    bytes: AtomicU64,
    snapshots: AtomicU64,
    delays: Mutex<Times>,
}

/// Counts of received frames.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    /// Number of `changes` frames.
    pub(super) frames: u64,
    /// Total size of their texts, in bytes.
    pub(super) bytes: u64,
    /// Number of `snapshot` frames after the first of each viewer: the viewer had to start over.
    pub(super) snapshots: u64,
}

impl Seen {
    pub(super) const fn since(&self, before: &Self) -> Self {
        Self {
            frames: self.frames - before.frames,
            bytes: self.bytes - before.bytes,
            snapshots: self.snapshots - before.snapshots,
        }
    }
}

/// Opens a WebSocket and reads the first snapshot.
pub(crate) async fn join(server: &Server, screening_id: &str) -> Outcome<Socket> {
    let stream = TcpStream::connect(server.address).await?;
    stream.set_nodelay(true)?;
    let url = format!("ws://{}/api/ws?screening_id={screening_id}", server.host);
    let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER_BYTES);
    let (mut socket, _) = Box::pin(client_async_with_config(url, stream, Some(config))).await?;
    socket.next().await.ok_or("no snapshot")??;
    Ok(socket)
}

/// Reads what a socket receives, and nothing else.
pub(crate) async fn look(mut socket: Socket) {
    while let Some(Ok(_)) = socket.next().await {}
}

impl Audience {
    pub(super) fn new(stage: &Stage) -> Outcome<Self> {
        Ok(Self {
            started: Instant::now(),
            seats: stage.seats.iter().cloned().zip(0..).collect(),
            clicked_us: stage.seats.iter().map(|_| Default::default()).collect(),
            frames: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            snapshots: AtomicU64::new(0),
            delays: Mutex::new(Times::new()?),
        })
    }

    /// Records the time just before a seat is locked or unlocked.
    pub(super) fn clicked(&self, seat: usize, is_lock: bool) {
        self.clicked_us[seat][usize::from(is_lock)].store(self.now_us(), Relaxed);
    }

    pub(super) fn seen(&self) -> Seen {
        Seen {
            frames: self.frames.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
            snapshots: self.snapshots.load(Relaxed),
        }
    }

    /// Delays from a click to each frame that shows it.
    pub(super) fn delays(&self) -> Times {
        self.delays.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads frames until the socket ends; returns the reason.
    pub(super) async fn watch(self: Arc<Self>, mut socket: Socket, index: u64) -> String {
        let is_timed = index < TIMED_VIEWERS_MAX;
        loop {
            match socket.next().await {
                Some(Ok(Message::Text(text))) => self.take_frame(&text, is_timed),
                Some(Ok(Message::Close(why))) => return format!("{why:?}"),
                Some(Ok(_)) => {}
                Some(Err(error)) => return error.to_string(),
                None => return "the end".to_owned(),
            }
        }
    }

    fn take_frame(&self, text: &str, is_timed: bool) {
        let now_us = self.now_us();
        if text.starts_with(r#"{"type":"snapshot""#) {
            self.snapshots.fetch_add(1, Relaxed);
        } else if text.starts_with(r#"{"type":"changes""#) {
            self.frames.fetch_add(1, Relaxed);
            self.bytes.fetch_add(text.len() as u64, Relaxed);
            if is_timed {
                self.take_times(text, now_us);
            }
        }
    }

    fn take_times(&self, text: &str, now_us: u64) {
        let Ok(frame) = serde_json::from_str::<Frame<'_>>(text) else { return };
        let mut delays = self.delays.lock().unwrap_or_else(PoisonError::into_inner);
        for change in frame.changes {
            let Some(&seat) = self.seats.get(change.id) else { continue };
            let clicked_us = self.clicked_us[seat][usize::from(change.status == "LOCKED")].load(Relaxed);
            if clicked_us > 0 {
                delays.add(Duration::from_micros(now_us.saturating_sub(clicked_us)));
            }
        }
    }

    fn now_us(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(borrow)]
    changes: Vec<Change<'a>>,
}

#[derive(Deserialize)]
struct Change<'a> {
    id: &'a str,
    status: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delay_of_a_change_is_measured_from_the_last_click_of_its_kind() {
        let seats = vec!["A1".to_owned(), "A2".to_owned()];
        let stage = Stage { screening_id: "s".to_owned(), seats, other_screening_id: "t".to_owned() };
        let audience = Audience::new(&stage).unwrap();
        let frame = r#"{"type":"changes","prev":1,"seq":2,"changes":[{"id":"A2","status":"LOCKED","until":"x"}]}"#;
        audience.take_frame(r#"{"type":"alive","seq":1}"#, true);
        audience.take_frame(r#"{"type":"snapshot","seq":1,"seats":[]}"#, true);
        audience.take_frame(frame, true);
        assert_eq!(audience.delays().total(), 0, "nobody has clicked");
        audience.clicked_us[1][1].store(1, Relaxed);
        audience.take_frame(frame, false);
        assert_eq!(audience.delays().total(), 0, "this one takes no time");
        audience.take_frame(frame, true);
        assert_eq!(audience.delays().total(), 1);
        audience.take_frame(&frame.replace("LOCKED", "AVAILABLE"), true);
        assert_eq!(audience.delays().total(), 1, "it was not let go");
        let seen = audience.seen();
        assert_eq!((seen.frames, seen.snapshots), (4, 1));
        assert_eq!(seen.bytes, 4 * frame.len() as u64 + 3);
    }
}
