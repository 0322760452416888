//! One viewer's socket: sends what the room says, hears only whether somebody is there.
//!
//! Everything that is particular to the WebSocket library is in this file.

use std::{sync::Arc, time::Duration};

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use bytes::Bytes;
use tokio::{
    sync::broadcast::{self, error::RecvError},
    time::{Instant, timeout},
};

use super::{
    admission::SocketPermit,
    limits::{
        CLIENT_MESSAGE_BYTES_MAX, CLIENT_MESSAGES_PER_FRAME_MAX, FRAME_SEND_MAX, PINGS_UNANSWERED_MAX,
        READ_BUFFER_BYTES,
    },
    room::{Frame, OwnFrames, Room, Subscription},
};
use crate::auth::SignedInViewer;

/// How long a goodbye may take.
const GOODBYE_MAX: Duration = Duration::from_secs(1);

/// Why a viewer's socket ends, as RFC 6455 numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// They left, or the line is dead: there is nobody to tell.
    Gone,
    /// 1012: the room was closed; come back.
    Restart,
    /// 1009: they sent more than a client may say.
    TooBig,
    /// 1008: they do not stop talking.
    TooMuch,
}

/// Small buffers: a viewer says nothing, and every frame is written at once.
pub(super) fn with_small_buffers(upgrade: WebSocketUpgrade) -> WebSocketUpgrade {
    upgrade
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_message_size(CLIENT_MESSAGE_BYTES_MAX)
        .max_frame_size(CLIENT_MESSAGE_BYTES_MAX)
}

/// Shows a room to one viewer until either goes.
pub(super) async fn serve_viewer(
    mut socket: WebSocket,
    room: Arc<Room>,
    permit: SocketPermit,
    viewer: Option<SignedInViewer>,
) {
    let ended = match show_room(&mut socket, &room, viewer).await {
        Ok(()) => Ended::Gone,
        Err(ended) => ended,
    };
    let (code, reason) = match ended {
        Ended::Gone => return,
        Ended::Restart => (1012, "come back"),
        Ended::TooBig => (1009, "too big"),
        Ended::TooMuch => (1008, "too much"),
    };
    let goodbye = async {
        let frame = CloseFrame { code, reason: Utf8Bytes::from_static(reason) };
        if socket.send(Message::Close(Some(frame))).await.is_ok() {
            // A socket dropped with something unread resets the line, and the goodbye may be lost.
            while let Some(Ok(_)) = socket.recv().await {}
        }
    };
    let _ = timeout(GOODBYE_MAX, goodbye).await;
    drop(permit);
}

async fn show_room(socket: &mut WebSocket, room: &Arc<Room>, mut viewer: Option<SignedInViewer>) -> Result<(), Ended> {
    let (mut frames, mut own_frames) = start(socket, room, viewer.as_ref()).await?;
    let (mut pings_unanswered, mut messages) = (0, 0);
    loop {
        tokio::select! {
            biased;
            said = socket.recv() => {
                if !is_there(socket, said).await? {
                    return Ok(());
                }
                pings_unanswered = 0;
                messages += 1;
                if messages > CLIENT_MESSAGES_PER_FRAME_MAX {
                    return Err(Ended::TooMuch);
                }
            }
            own = next_own(viewer.as_ref(), own_frames.as_mut()) => match own {
                Own::Frame(text) => send(socket, Message::Text(text)).await?,
                Own::Lost => (frames, own_frames) = start(socket, room, viewer.as_ref()).await?,
                Own::SessionEnded => {
                    viewer = None;
                    own_frames = None;
                }
            },
            frame = frames.recv() => match frame {
                Ok(Frame::Text(text)) => {
                    messages = 0;
                    send(socket, Message::Text(text)).await?;
                }
                Ok(Frame::Ping) if pings_unanswered >= PINGS_UNANSWERED_MAX => return Err(Ended::Gone),
                Ok(Frame::Ping) => {
                    pings_unanswered += 1;
                    send(socket, Message::Ping(Bytes::new())).await?;
                }
                Err(RecvError::Lagged(_)) => {
                    // Too far behind: what is in the queue is dropped, the map as of the last frame takes its place.
                    metrics::counter!("seatkeeper_live_lagged_total").increment(1);
                    (frames, own_frames) = start(socket, room, viewer.as_ref()).await?;
                }
                Err(RecvError::Closed) => return Err(Ended::Restart),
            },
        }
    }
}

/// Subscribes and sends the snapshot; a signed-in viewer's hold is the first of its own frames.
async fn start(
    socket: &mut WebSocket,
    room: &Arc<Room>,
    viewer: Option<&SignedInViewer>,
) -> Result<(broadcast::Receiver<Frame>, Option<OwnFrames>), Ended> {
    let person = viewer.map(|viewer| viewer.person);
    let subscription = room.subscribe(Instant::now(), person).ok_or(Ended::Restart)?;
    let Subscription { frames, snapshot, own } = subscription;
    send(socket, Message::Text(snapshot)).await?;
    Ok((frames, own))
}

/// What only a signed-in viewer has.
enum Own {
    /// A hold or a payment.
    Frame(Utf8Bytes),
    /// Frames were lost, or the room has started over.
    Lost,
    /// The viewer is nobody's from now on.
    SessionEnded,
}

/// What comes next for a signed-in viewer; never for others. The end of the session comes before everything queued.
async fn next_own(viewer: Option<&SignedInViewer>, own: Option<&mut OwnFrames>) -> Own {
    let (Some(viewer), Some(own)) = (viewer, own) else { return std::future::pending().await };
    tokio::select! {
        biased;
        () = viewer.session.ended() => Own::SessionEnded,
        frame = own.next() => frame.map_or(Own::Lost, Own::Frame),
    }
}

/// Ignores what a client says, as long as it is short.
async fn is_there(socket: &mut WebSocket, said: Option<Result<Message, axum::Error>>) -> Result<bool, Ended> {
    match said {
        None => Ok(false),
        Some(Ok(Message::Close(_))) => {
            // The library's answer leaves with the next look.
            let _ = timeout(GOODBYE_MAX, socket.recv()).await;
            Ok(false)
        }
        Some(Ok(_)) => Ok(true),
        // Too large, or not the protocol: the same goodbye will do for both.
        Some(Err(_)) => Err(Ended::TooBig),
    }
}

async fn send(socket: &mut WebSocket, message: Message) -> Result<(), Ended> {
    match timeout(FRAME_SEND_MAX, socket.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(Ended::Gone),
    }
}
