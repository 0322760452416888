//! Tests that the end of a session makes the sockets that were opened with it anonymous, on every server.

use std::time::Duration;

use futures_util::StreamExt as _;
use jiff::SignedDuration;
use seatkeeper_core::{
    box_office::{Buyer, LockOutcome, SeatSelection, lock_seats},
    ids::PersonId,
};
use tokio::{net::TcpStream, task::JoinHandle, time::timeout};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, client::IntoClientRequest as _},
};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    cinema::{Cinema, screening_id},
    viewer::{Then, Viewer},
};
use crate::{auth::tests::support::World, live::watch::find_viewer};

/// The screening that starts in 20 h, after the sessions expire.
const SHOW: u128 = 2;
/// Timeout of a wait, far longer than the second between two polls for ended sessions.
const WAIT_MAX: Duration = Duration::from_secs(20);

/// A client's socket at one server.
struct Phone {
    socket: WebSocketStream<TcpStream>,
    viewer: Viewer,
}

impl Phone {
    async fn at(cinema: &Cinema, cookie: &str) -> Self {
        let url = format!("ws://{}/api/ws?screening_id={}", cinema.address, screening_id(SHOW));
        let mut request = url.into_client_request().unwrap();
        if !cookie.is_empty() {
            request.headers_mut().insert("cookie", cookie.parse().unwrap());
        }
        let stream = TcpStream::connect(cinema.address).await.unwrap();
        let (socket, _) = client_async(request, stream).await.unwrap();
        let mut phone = Self { socket, viewer: Viewer::default() };
        phone.until(|viewer| viewer.snapshots == 1 && (cookie.is_empty() || viewer.holds == 1)).await;
        phone
    }

    async fn until(&mut self, is_so: impl Fn(&Viewer) -> bool) {
        while !is_so(&self.viewer) {
            match timeout(WAIT_MAX, self.socket.next()).await.expect("no frame in time") {
                Some(Ok(Message::Text(text))) => assert_eq!(self.viewer.take(&text), Then::GoOn),
                other => panic!("{other:?}"),
            }
        }
    }

    fn held(&self) -> Vec<&str> {
        let hold = self.viewer.hold.as_ref().unwrap();
        hold["seat_ids"].as_array().unwrap().iter().map(|seat| seat.as_str().unwrap()).collect()
    }
}

/// Polls the store for ended sessions, as a running server does.
fn follow(cinema: &Cinema) -> (DropGuard, JoinHandle<()>) {
    let stop = CancellationToken::new();
    let (auth, stopped) = (cinema.app.auth.clone(), stop.clone());
    (stop.drop_guard(), tokio::spawn(async move { auth.follow_store(stopped).await }))
}

async fn me(cinema: &Cinema, cookie: &str) -> PersonId {
    let me = cinema.get("/api/auth/me", &[("cookie", cookie)]).await;
    PersonId::parse(me.json()["id"].as_str().unwrap()).unwrap()
}

async fn lock(cinema: &Cinema, person: PersonId, seat: &str) {
    let office = &cinema.app.office;
    let screening = office.find_screening(screening_id(SHOW)).await.unwrap().unwrap();
    let wanted = SeatSelection::parse(&screening, &[seat.to_owned()]).unwrap();
    let outcome = lock_seats(office, &Buyer::alone(person), &screening, &wanted).await.unwrap();
    assert!(matches!(outcome, LockOutcome::Held(_)), "{outcome:?}");
}

/// Number of signed-in people with open sockets at a server.
async fn people(cinema: &Cinema) -> usize {
    cinema.app.rooms.open(screening_id(SHOW)).await.unwrap().count_people()
}

async fn until_people(cinema: &Cinema, count: usize) {
    let gone = async {
        while people(cinema).await != count {
            // Poll again after a short time: the server polls the store once a second.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(WAIT_MAX, gone).await.expect("a socket still has its person");
}

#[tokio::test]
async fn hold_frames_reach_two_servers_and_end_on_both_after_sign_out() {
    let here = Cinema::open().await;
    let there = here.other_server().await;
    let _following = (follow(&here), follow(&there));
    let (ann, bob) = (here.sign_in("ann").await, here.sign_in("bob").await);
    let (ann_id, bob_id) = (me(&here, &ann).await, me(&here, &bob).await);
    let (mut phone, mut desktop) = (Phone::at(&here, &ann).await, Phone::at(&there, &ann).await);
    let (mut stranger, mut nobody) = (Phone::at(&there, &bob).await, Phone::at(&here, "").await);
    lock(&there, ann_id, "A1").await;
    for socket in [&mut phone, &mut desktop] {
        socket.until(|viewer| viewer.holds == 2).await;
        assert_eq!(socket.held(), ["A1"]);
    }
    assert_eq!(phone.viewer.hold, desktop.viewer.hold);
    let answer = here.get(&format!("/api/lock?screening_id={}", screening_id(SHOW)), &[("cookie", &ann)]).await;
    assert_eq!(Some(answer.json()), phone.viewer.hold, "the frame equals the answer of GET");

    assert_eq!(here.post("/api/auth/logout", &ann).await.status, 204);
    // On the server of the sign-out, the socket is anonymous at once.
    lock(&here, ann_id, "A2").await;
    phone.until(|viewer| viewer.seats.contains_key("A2")).await;
    assert_eq!(phone.viewer.holds, 2, "no hold frame since the session ended");
    // On the other server, the socket is anonymous after that server's next poll.
    until_people(&there, 1).await;
    lock(&there, bob_id, "B1").await;
    for socket in [&mut phone, &mut desktop, &mut stranger, &mut nobody] {
        socket.until(|viewer| viewer.seats.len() == 3).await;
        assert_eq!(socket.viewer.snapshots, 1, "the socket stays open");
    }
    assert_eq!((stranger.held(), nobody.viewer.holds), (vec!["B1"], 0));
    assert!(!phone.held().contains(&"B1") && !desktop.held().contains(&"B1"));
}

#[tokio::test]
async fn sockets_become_anonymous_when_their_session_expires() {
    let cinema = Cinema::open().await;
    let ann = cinema.sign_in("ann").await;
    let mut phone = Phone::at(&cinema, &ann).await;
    let _following = follow(&cinema);
    cinema.parts().clock.advance(SignedDuration::from_hours(12) - SignedDuration::from_secs(1));
    // A request extends the session, so the socket keeps getting hold frames.
    let ann_id = me(&cinema, &ann).await;
    cinema.parts().clock.advance(SignedDuration::from_hours(6));
    lock(&cinema, ann_id, "A1").await;
    phone.until(|viewer| viewer.holds == 2).await;
    // Without requests the session expires: an open socket does not count as use.
    cinema.parts().clock.advance(SignedDuration::from_hours(12));
    until_people(&cinema, 0).await;
}

#[tokio::test]
async fn viewer_is_anonymous_while_the_session_store_fails() {
    let world = World::new();
    let server = world.server(|_| {});
    let browser = server.browser();
    browser.sign_in("ann@example.test").await;
    let parts = server.parts_of(&browser, "/api/ws");
    world.sessions.cut(true);
    assert!(find_viewer(&server.app, &parts).await.is_none());
    world.sessions.cut(false);
    assert!(find_viewer(&server.app, &parts).await.is_some());
}
