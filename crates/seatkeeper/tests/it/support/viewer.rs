//! Somebody who watches a screening.

use std::{collections::BTreeMap, time::Duration};

use futures_util::StreamExt;
use serde_json::Value;
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

use super::{TestApp, TestScreening};

const FRAME_WAIT_MAX: Duration = Duration::from_secs(30);

/// A viewer with the map as the frames tell it.
pub(crate) struct Viewer {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    pub(crate) seq: u64,
    pub(crate) seats: BTreeMap<String, String>,
    /// Frames of changes received.
    pub(crate) frames: usize,
}

impl Viewer {
    /// Connects and takes the first snapshot.
    pub(crate) async fn join(app: &TestApp, screening: &TestScreening) -> Self {
        let url = format!("{}/api/ws?screening_id={}", app.url().replacen("http", "ws", 1), screening.id);
        let (socket, _) = connect_async(url).await.unwrap();
        let mut viewer = Self { socket, seq: 0, seats: BTreeMap::new(), frames: 0 };
        viewer.next().await;
        viewer
    }

    /// The next frame, applied by the rule of the contract.
    pub(crate) async fn next(&mut self) -> Value {
        let frame = loop {
            let message = timeout(FRAME_WAIT_MAX, self.socket.next()).await.expect("no frame in time");
            match message.expect("the socket closed").unwrap() {
                Message::Text(text) => break serde_json::from_str::<Value>(&text).unwrap(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        };
        if frame["type"] == "screening" {
            return frame;
        }
        let seq = frame["seq"].as_u64().unwrap();
        match frame["type"].as_str().unwrap() {
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
