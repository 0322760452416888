//! Tests of live seat maps with real WebSockets on a real port.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    extract::{Query, State, ws::WebSocketUpgrade},
    response::Response,
    routing::get,
};
use futures_util::{SinkExt as _, StreamExt as _, future::join_all};
use seatkeeper_core::ids::{ScreeningId, SeatId};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_tungstenite::{WebSocketStream, client_async, tungstenite::Message};

use super::{
    stage::{Stage, person},
    viewer::{Seats, Then, Viewer},
};
use crate::{
    auth::{OpenSessions, SignedInViewer},
    live::{
        LiveLimits,
        hub::Rooms,
        limits::{CLIENT_MESSAGE_BYTES_MAX, CLIENT_MESSAGES_PER_FRAME_MAX},
        socket::{serve_viewer, with_small_buffers},
    },
};

/// Size of the TCP buffers, in bytes; small, so that the buffers of a client that does not read fill up soon.
const SOCKET_BUFFER_BYTES: u32 = 4_096;

pub(super) struct Server {
    pub(super) stage: Stage,
    /// Sessions with open sockets; the hash of the session of person 1 is `[1; 32]`.
    pub(super) sessions: Arc<OpenSessions>,
    address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Query of a test socket: the person who opens it, if any.
#[derive(serde::Deserialize)]
struct Who {
    person: Option<u8>,
    /// Whether the session ends while the socket is being opened.
    #[serde(default)]
    ends: bool,
}

async fn upgrade(
    State((rooms, id, sessions)): State<(Rooms, ScreeningId, Arc<OpenSessions>)>,
    Query(who): Query<Who>,
    upgrade: WebSocketUpgrade,
) -> Response {
    let room = rooms.open(id).await.unwrap();
    let permit = rooms.admit(None).unwrap();
    let viewer = who.person.map(|number| {
        let session = sessions.tie([number; 32]).unwrap();
        SignedInViewer { person: person(number.into()), session }
    });
    if let Some(number) = who.person.filter(|_| who.ends) {
        sessions.end([&[number; 32]]);
    }
    with_small_buffers(upgrade).on_upgrade(move |socket| serve_viewer(socket, room, permit, viewer))
}

impl Server {
    pub(super) async fn start() -> Self {
        let stage = Stage::new(&[], LiveLimits::default());
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_send_buffer_size(SOCKET_BUFFER_BYTES).unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener: TcpListener = socket.listen(1_024).unwrap();
        let address = listener.local_addr().unwrap();
        let sessions = Arc::<OpenSessions>::default();
        let state = (stage.rooms.clone(), stage.id(), Arc::clone(&sessions));
        let app = Router::new().route("/", get(upgrade)).with_state(state);
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { stage, sessions, address, task }
    }

    async fn client(&self) -> Client {
        self.client_of("").await
    }

    /// Opens a socket with the query `who`, for example `"?person=1"`.
    pub(super) async fn client_of(&self, who: &str) -> Client {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(SOCKET_BUFFER_BYTES).unwrap();
        let stream = socket.connect(self.address).await.unwrap();
        let (socket, _) = client_async(format!("ws://{}/{who}", self.address), stream).await.unwrap();
        Client { socket, viewer: Viewer::default() }
    }
}

pub(super) struct Client {
    socket: WebSocketStream<TcpStream>,
    pub(super) viewer: Viewer,
}

impl Client {
    /// Receives one text frame and applies it. When the connection has ended, fails with the close code, or with `None`
    /// if there was no close frame.
    pub(super) async fn next(&mut self) -> Result<(), Option<u16>> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => {
                    assert_eq!(self.viewer.take(&text), Then::GoOn, "{text}");
                    return Ok(());
                }
                Some(Ok(Message::Close(frame))) => return Err(frame.map(|frame| frame.code.into())),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(None),
            }
        }
    }

    pub(super) async fn until(&mut self, seats: &Seats) {
        while self.viewer.seats != *seats || self.viewer.snapshots == 0 {
            self.next().await.unwrap();
        }
    }

    async fn until_closed(&mut self) -> Option<u16> {
        loop {
            if let Err(code) = self.next().await {
                return code;
            }
        }
    }
}

/// Seats whose change makes a frame of some 3 KB.
pub(super) fn many_seats() -> Vec<SeatId> {
    (1..=50).map(|number| SeatId::new("C", number).unwrap()).collect()
}

#[tokio::test]
async fn viewer_gets_the_map_and_then_every_change() {
    let server = Server::start().await;
    server.stage.rooms.open(server.stage.id()).await.unwrap();
    server.stage.lock_seat("A1").await;
    let mut client = server.client().await;
    client.until(&server.stage.truth().await).await;
    server.stage.sell("A2").await;
    client.until(&server.stage.truth().await).await;
    server.stage.release(None).await;
    client.until(&server.stage.truth().await).await;
    assert_eq!(client.viewer.snapshots, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn client_that_does_not_read_delays_no_other_client_and_gets_a_snapshot_later() {
    let server = Server::start().await;
    let (mut slow, mut quick) = (server.client().await, server.client().await);
    slow.next().await.unwrap();
    quick.next().await.unwrap();
    let seats = many_seats();
    for _ in 0..150 {
        server.stage.lock(&seats).await;
        quick.until(&server.stage.truth().await).await;
        server.stage.release(None).await;
        quick.until(&server.stage.truth().await).await;
    }
    server.stage.lock_seat("A1").await;
    quick.until(&server.stage.truth().await).await;
    assert_eq!(quick.viewer.snapshots, 1, "the quick client never started over");
    slow.until(&server.stage.truth().await).await;
    assert!(slow.viewer.snapshots > 1, "the slow client started over");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_join_during_many_changes_miss_no_change() {
    let server = Server::start().await;
    let storm = async {
        for round in 0..300u32 {
            let seat = SeatId::new("B", u8::try_from(round % 40).unwrap() + 1).unwrap();
            server.stage.lock(&[seat]).await;
            if round % 3 == 0 {
                server.stage.release(Some(&[seat])).await;
            }
            tokio::task::yield_now().await;
        }
    };
    let joining = async {
        let mut clients = Vec::new();
        for _ in 0..30 {
            let mut client = server.client().await;
            client.next().await.unwrap();
            clients.push(client);
        }
        clients
    };
    // The first client opens the room, so that the lock store has a map to change.
    let mut first = server.client().await;
    first.next().await.unwrap();
    let ((), mut clients) = tokio::join!(storm, joining);
    clients.push(first);
    let truth = server.stage.truth().await;
    join_all(clients.iter_mut().map(|client| client.until(&truth))).await;
}

#[tokio::test]
async fn client_messages_are_ignored_unless_above_the_size_limit() {
    let server = Server::start().await;
    let mut client = server.client().await;
    client.next().await.unwrap();
    client.socket.send(Message::text("x".repeat(CLIENT_MESSAGE_BYTES_MAX))).await.unwrap();
    client.socket.send(Message::binary(vec![7; 10])).await.unwrap();
    server.stage.lock_seat("A1").await;
    client.until(&server.stage.truth().await).await;
    client.socket.send(Message::text("x".repeat(CLIENT_MESSAGE_BYTES_MAX + 1))).await.unwrap();
    let code = client.until_closed().await;
    assert!(matches!(code, Some(1009) | None), "{code:?}");
}

#[tokio::test]
async fn socket_is_closed_after_too_many_client_messages() {
    let server = Server::start().await;
    let mut client = server.client().await;
    client.next().await.unwrap();
    for _ in 0..2 * CLIENT_MESSAGES_PER_FRAME_MAX + 2 {
        // A failed send is ignored: the server may close the socket before the last message.
        drop(client.socket.send(Message::text("x")).await);
    }
    let code = client.until_closed().await;
    assert!(matches!(code, Some(1008) | None), "{code:?}");
    while server.stage.rooms.viewers() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn websocket_ping_and_close_of_the_client_are_answered() {
    let server = Server::start().await;
    let mut client = server.client().await;
    client.next().await.unwrap();
    client.socket.send(Message::Ping("hello".into())).await.unwrap();
    let pong = client.socket.next().await.unwrap().unwrap();
    assert_eq!(pong, Message::Pong("hello".into()));
    client.socket.close(None).await.unwrap();
    while let Some(Ok(_)) = client.socket.next().await {}
    while server.stage.rooms.viewers() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn shutdown_closes_every_socket_with_1012() {
    let server = Server::start().await;
    let mut clients = Vec::new();
    for _ in 0..3 {
        let mut client = server.client().await;
        client.next().await.unwrap();
        clients.push(client);
    }
    let told = join_all(clients.iter_mut().map(Client::until_closed));
    let ((), codes) = tokio::join!(server.stage.rooms.shut_down(), told);
    assert_eq!(codes, [Some(1012); 3]);
    assert_eq!(server.stage.rooms.viewers(), 0);
}
