//! Tests of finding the person of a socket when it is opened, and of notifying the socket when that person's session
//! ends.

use std::{sync::atomic::Ordering, time::Duration};

use jiff::SignedDuration;
use seatkeeper_core::{
    event::{Event, EventKind},
    ports::{Backend, Clock as _, Sessions as _},
};
use tokio::{
    sync::Semaphore,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::support::{Browser, Random, Server, World};
use crate::auth::{SignedInViewer, secrets};

const COOKIE: &str = "seatkeeper_session";
const WAIT_MAX: Duration = Duration::from_secs(20);

impl Server {
    /// The person and session of this browser's socket.
    async fn find_viewer(&self, browser: &Browser) -> Backend<Option<SignedInViewer>> {
        self.app.auth.find_viewer(&self.parts_of(browser, "/api/ws")).await
    }

    /// Polls for ended sessions until the guard is dropped.
    async fn follow(&self) -> tokio_util::sync::DropGuard {
        let stop = CancellationToken::new();
        let (auth, stopped) = (self.app.auth.clone(), stop.clone());
        tokio::spawn(async move { auth.follow_store(stopped).await });
        let heard = async {
            while self.app.auth.0.heard_ms.load(Ordering::SeqCst) == i64::MIN {
                // Wait for the first poll of the store.
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(WAIT_MAX, heard).await.expect("no successful poll in time");
        stop.drop_guard()
    }
}

/// Ends a browser's session in the store directly, as an unrelated server would.
async fn end_session(world: &World, browser: &Browser) {
    let kind = EventKind::AuditLog { action: "sign_out".to_owned(), subject: None, details: serde_json::Value::Null };
    let event = Event::new(world.clock.now(), &Random, kind);
    let hash = secrets::hash(&browser.cookie(COOKIE).unwrap());
    world.store.end_session(&hash, world.clock.now(), &event).await.unwrap();
}

#[tokio::test]
async fn socket_has_the_person_of_its_session_or_is_anonymous() {
    let world = World::new();
    let server = world.server(|_| {});
    let (ann, stranger) = (server.browser(), server.browser());
    ann.sign_in("ann@example.test").await;
    let id = ann.me().await.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(server.find_viewer(&ann).await.unwrap().unwrap().person.to_string(), id);
    assert!(server.find_viewer(&stranger).await.unwrap().is_none());
    stranger.set_cookie(COOKIE, &"C".repeat(43));
    assert!(server.find_viewer(&stranger).await.unwrap().is_none());
    world.sessions.cut(true);
    assert!(server.find_viewer(&stranger).await.is_err(), "not cached, and the store fails");
    assert!(server.find_viewer(&ann).await.unwrap().is_some(), "cached");
}

#[tokio::test]
async fn sign_out_notifies_own_sockets_at_once_and_those_of_other_servers_at_their_next_poll() {
    let world = World::new();
    let (here, there) = (world.server(|_| {}), world.server(|_| {}));
    let (browser, copy) = (here.browser(), there.browser());
    browser.sign_in("ann@example.test").await;
    copy.set_cookie(COOKIE, &browser.cookie(COOKIE).unwrap());
    let near = here.find_viewer(&browser).await.unwrap().unwrap();
    let far = there.find_viewer(&copy).await.unwrap().unwrap();
    let _following = there.follow().await;
    browser.post("/api/auth/logout").await;
    assert!(near.session.has_ended());
    timeout(WAIT_MAX, far.session.ended()).await.expect("the other server did not notice in time");
}

#[tokio::test]
async fn signing_in_again_notifies_the_sockets_of_the_previous_session() {
    let world = World::new();
    let server = world.server(|_| {});
    let browser = server.browser();
    browser.sign_in("ann@example.test").await;
    let before = server.find_viewer(&browser).await.unwrap().unwrap();
    browser.sign_in("bob@example.test").await;
    assert!(before.session.has_ended());
    assert!(!server.find_viewer(&browser).await.unwrap().unwrap().session.has_ended());
}

#[tokio::test]
async fn socket_is_notified_when_its_session_ends_during_the_lookup() {
    let world = World::new();
    let (here, there) = (world.server(|_| {}), world.server(|_| {}));
    let (browser, copy) = (here.browser(), there.browser());
    browser.sign_in("ann@example.test").await;
    copy.set_cookie(COOKIE, &browser.cookie(COOKIE).unwrap());
    // The store has found the session valid, but its answer is delayed by the test.
    world.sessions.answers.forget_permits(Semaphore::MAX_PERMITS);
    let looked_up = world.sessions.looked_up();
    let opening = there.find_viewer(&copy);
    tokio::pin!(opening);
    while world.sessions.looked_up() == looked_up {
        assert!(futures_util::poll!(opening.as_mut()).is_pending());
        tokio::task::yield_now().await;
    }
    end_session(&world, &browser).await;
    assert!(there.app.auth.hear(None).await.is_some(), "this server polls the end of the session");
    assert!(futures_util::poll!(opening.as_mut()).is_pending());
    world.sessions.answers.add_permits(1_000);
    let viewer = opening.await.unwrap();
    assert!(viewer.unwrap().session.has_ended(), "found by the stale answer, but ended");
}

#[tokio::test]
async fn sessions_of_sockets_are_checked_again_after_a_long_outage_of_the_store() {
    let world = World::new();
    let server = world.server(|_| {});
    let (ann, bob) = (server.browser(), server.browser());
    ann.sign_in("ann@example.test").await;
    bob.sign_in("bob@example.test").await;
    let stays = server.find_viewer(&ann).await.unwrap().unwrap();
    let ends = server.find_viewer(&bob).await.unwrap().unwrap();
    let _following = server.follow().await;
    world.sessions.cut(true);
    end_session(&world, &bob).await;
    world.clock.advance(SignedDuration::from_mins(60));
    // The store has purged the ended session by now.
    while world.store.purge_sessions(world.clock.now()).await.unwrap() > 0 {}
    world.sessions.cut(false);
    timeout(WAIT_MAX, ends.session.ended()).await.expect("the session was not checked in time");
    assert!(!stays.session.has_ended());
}
