//! A viewer: a WebSocket client that watches a screening.

use std::{collections::BTreeMap, time::Duration};

use futures_util::StreamExt;
use serde_json::Value;
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest},
};

use super::{TestApp, TestPerson, TestScreening};

const FRAME_WAIT_MAX: Duration = Duration::from_secs(30);

/// A viewer, with the seat map that results from the frames it has received.
pub(crate) struct Viewer {
    url: String,
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    pub(crate) seq: u64,
    pub(crate) seats: BTreeMap<String, String>,
    /// Number of `changes` frames that were received.
    pub(crate) frames: usize,
    /// The content of the last `hold` frame. Only a signed-in viewer gets these frames; `holds` is their number.
    pub(crate) hold: Option<Value>,
    pub(crate) holds: usize,
    /// The content of the `payment` frames, each as `STATUS id`.
    pub(crate) payments: Vec<String>,
}

impl Viewer {
    /// Connects without a session, and reads the first snapshot.
    pub(crate) async fn join(app: &TestApp, screening: &TestScreening) -> Self {
        Self::connect(app.url(), screening, "").await
    }

    /// Like `join`, with a person's session. Also reads the first `hold` frame.
    pub(crate) async fn join_as(person: &TestPerson, screening: &TestScreening) -> Self {
        let mut viewer = Self::connect(&person.url, screening, &person.session).await;
        while viewer.hold.is_none() {
            viewer.next().await;
        }
        viewer
    }

    async fn connect(server: &str, screening: &TestScreening, cookie: &str) -> Self {
        let url = format!("{}/api/ws?screening_id={}", server.replacen("http", "ws", 1), screening.id);
        let mut request = url.into_client_request().unwrap();
        if !cookie.is_empty() {
            request.headers_mut().insert("cookie", cookie.parse().unwrap());
        }
        let (socket, _) = connect_async(request).await.unwrap();
        let (url, seats, payments) = (server.to_owned(), BTreeMap::new(), Vec::new());
        let mut viewer = Self { url, socket, seq: 0, seats, frames: 0, hold: None, holds: 0, payments };
        viewer.next().await;
        viewer
    }

    /// Reads the next frame and applies it as the contract requires.
    pub(crate) async fn next(&mut self) -> Value {
        let frame = loop {
            let message = timeout(FRAME_WAIT_MAX, self.socket.next()).await.expect("no frame in time");
            match message.expect("the socket closed").unwrap() {
                Message::Text(text) => {
                    super::times::check(&self.url, &text);
                    break serde_json::from_str::<Value>(&text).unwrap();
                }
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        };
        if frame["type"] == "payment" {
            self.payments.push(format!("{} {}", frame["status"].as_str().unwrap(), frame["id"].as_str().unwrap()));
            return frame;
        }
        if frame["type"] == "screening" {
            return frame;
        }
        let seq = frame["seq"].as_u64().unwrap();
        match frame["type"].as_str().unwrap() {
            "hold" => {
                assert!(self.seq > 0, "a hold comes after the snapshot");
                assert_eq!(frame["hold"]["seq"].as_u64(), Some(seq));
                self.hold = Some(frame["hold"].clone());
                self.holds += 1;
            }
            "snapshot" => {
                self.seats = statuses(&frame["seats"]).collect();
                self.seq = seq;
            }
            "changes" => {
                let prev = frame["prev"].as_u64().unwrap();
                assert!(prev <= self.seq && self.seq < seq, "a gap: {prev}..{seq} after {}", self.seq);
                for (seat, status) in statuses(&frame["changes"]) {
                    if status == "AVAILABLE" {
                        self.seats.remove(&seat);
                    } else {
                        self.seats.insert(seat, status);
                    }
                }
                self.seq = seq;
                self.frames += 1;
            }
            "alive" => assert_eq!(seq, self.seq, "alive with a sequence that was not sent"),
            other => panic!("{other}"),
        }
        frame
    }

    /// Reads frames until the hold of the viewer equals this one.
    pub(crate) async fn until_hold(&mut self, hold: &Value) {
        while self.hold.as_ref() != Some(hold) {
            self.next().await;
        }
    }

    /// Reads frames until a `payment` frame with this status has arrived.
    pub(crate) async fn until_payment(&mut self, status: &str, id: &str) {
        let told = format!("{status} {id}");
        while !self.payments.contains(&told) {
            self.next().await;
        }
    }

    /// Reads frames until the server closes the socket.
    pub(crate) async fn until_closed(mut self) {
        let closed = async {
            while let Some(Ok(message)) = self.socket.next().await {
                if let Message::Close(_) = message {
                    return;
                }
            }
        };
        timeout(FRAME_WAIT_MAX, closed).await.expect("the socket stays open");
    }

    /// Reads frames until this seat has this status.
    pub(crate) async fn until(&mut self, seat: &str, status: &str) {
        while self.seats.get(seat).map_or("AVAILABLE", String::as_str) != status {
            self.next().await;
        }
    }
}

fn statuses(list: &Value) -> impl Iterator<Item = (String, String)> + '_ {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    list.as_array().unwrap().iter().map(move |seat| (text(&seat["id"]), text(&seat["status"])))
}
