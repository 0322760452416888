//! Serves one viewer's WebSocket: sends the room's frames, and reads only to notice pongs and the end of the
//! connection.
//!
//! All code that depends on the WebSocket library is in this file and in [`super::watch`].

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

/// Timeout of the WebSocket closing handshake.
const GOODBYE_MAX: Duration = Duration::from_secs(1);

/// Why a socket ends, with the close code of RFC 6455.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// The client left or the connection is dead: no close frame is sent.
    Gone,
    /// 1012: the room was closed; the client should reconnect.
    Restart,
    /// 1009: the client sent a message above the limit.
    TooBig,
    /// 1008: the client sent too many messages.
    TooMuch,
}

/// Sets small buffers: clients send almost nothing, and every frame is flushed at once.
pub(super) fn with_small_buffers(upgrade: WebSocketUpgrade) -> WebSocketUpgrade {
    upgrade
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_message_size(CLIENT_MESSAGE_BYTES_MAX)
        .max_frame_size(CLIENT_MESSAGE_BYTES_MAX)
}

/// Serves a room to one viewer until the client leaves or the room closes.
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
            // Drain the socket: dropping it with unread data would reset the connection and may lose the close frame.
            while let Some(Ok(_)) = socket.recv().await {}
        }
    };
    // The socket is dropped whether or not the client has read the close frame in time.
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
                    // The socket lags too far behind its queue: skip the queued frames and send a snapshot.
                    metrics::counter!("seatkeeper_live_lagged_total").increment(1);
                    (frames, own_frames) = start(socket, room, viewer.as_ref()).await?;
                }
                Err(RecvError::Closed) => return Err(Ended::Restart),
            },
        }
    }
}

/// Subscribes the socket to the room and sends the snapshot. A signed-in viewer's hold follows as the first of the
/// viewer's own frames.
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

/// An event for a signed-in viewer's socket only.
enum Own {
    /// A hold or payment frame.
    Frame(Utf8Bytes),
    /// The socket lagged too far behind the person's queue, or the room was reloaded: subscribe again.
    Lost,
    /// The viewer's session has ended: the socket is anonymous from now on.
    SessionEnded,
}

/// Waits for the next event for a signed-in viewer; for an anonymous viewer it waits for ever. The end of the session
/// takes precedence over all queued frames.
async fn next_own(viewer: Option<&SignedInViewer>, own: Option<&mut OwnFrames>) -> Own {
    let (Some(viewer), Some(own)) = (viewer, own) else { return std::future::pending().await };
    tokio::select! {
        biased;
        () = viewer.session.ended() => Own::SessionEnded,
        frame = own.next() => frame.map_or(Own::Lost, Own::Frame),
    }
}

/// Whether the client is still connected after this message, whose content is ignored.
async fn is_there(socket: &mut WebSocket, said: Option<Result<Message, axum::Error>>) -> Result<bool, Ended> {
    match said {
        None => Ok(false),
        Some(Ok(Message::Close(_))) => {
            // The WebSocket library answers the client's close frame during the next read. The client has left, so a
            // failure changes nothing.
            let _ = timeout(GOODBYE_MAX, socket.recv()).await;
            Ok(false)
        }
        Some(Ok(_)) => Ok(true),
        // The message was too large, or violated the protocol: both close the socket with the same code.
        Some(Err(_)) => Err(Ended::TooBig),
    }
}

async fn send(socket: &mut WebSocket, message: Message) -> Result<(), Ended> {
    match timeout(FRAME_SEND_MAX, socket.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(Ended::Gone),
    }
}
