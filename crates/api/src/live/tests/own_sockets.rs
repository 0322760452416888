//! Tests of `hold` and `payment` frames over real sockets.

use seatkeeper_core::payment::PaymentStatus;
use serde_json::Value;

use super::{
    sockets::{Client, Server, many_seats},
    stage::{Stage, payment, person, seat_id},
};
use crate::wire::Hold;

async fn hold_of(stage: &Stage) -> Value {
    serde_json::to_value(Hold::of(stage.id(), &stage.hold_of(person(1)).await)).unwrap()
}

impl Client {
    /// Reads frames until this hold arrives.
    async fn until_hold(&mut self, hold: &Value) {
        while self.viewer.hold.as_ref() != Some(hold) {
            self.next().await.unwrap();
        }
    }

    /// Reads frames until the hold that follows the first snapshot arrives.
    async fn until_first_hold(&mut self) {
        while self.viewer.holds == 0 {
            self.next().await.unwrap();
        }
    }
}

#[tokio::test]
async fn hold_frames_go_to_the_sockets_of_their_person_only() {
    let server = Server::start().await;
    server.stage.rooms.open(server.stage.id()).await.unwrap();
    server.stage.lock_seat("A1").await;
    let (mut phone, mut desktop) = (server.client_of("?person=1").await, server.client_of("?person=1").await);
    let (mut stranger, mut nobody) = (server.client_of("?person=2").await, server.client_of("").await);
    phone.until_hold(&hold_of(&server.stage).await).await;
    desktop.until_hold(&hold_of(&server.stage).await).await;
    stranger.until_first_hold().await;
    for seat in ["A2", "A3"] {
        server.stage.lock_seat(seat).await;
        let hold = hold_of(&server.stage).await;
        phone.until_hold(&hold).await;
        desktop.until_hold(&hold).await;
    }
    server.stage.publish_payment(person(1), payment(7), PaymentStatus::Pending).await;
    server.stage.start_payment(person(1), payment(7)).await;
    let hold = hold_of(&server.stage).await;
    phone.until_hold(&hold).await;
    desktop.until_hold(&hold).await;
    assert_eq!(phone.viewer.payments, [format!("PENDING {}", payment(7))]);
    assert_eq!(desktop.viewer.payments, phone.viewer.payments);
    // One more change: when it arrives, all frames that the other sockets got before it have been read and can be
    // checked.
    server.stage.sell("C1").await;
    for client in [&mut stranger, &mut nobody] {
        client.until(&server.stage.truth().await).await;
    }
    assert_eq!((stranger.viewer.holds, nobody.viewer.holds), (1, 0), "the stranger got only the first hold frame");
    assert_eq!(stranger.viewer.hold.as_ref().unwrap()["seat_ids"], serde_json::json!([]));
    assert!(stranger.viewer.payments.is_empty() && nobody.viewer.payments.is_empty());
}

#[tokio::test]
async fn socket_stays_open_and_anonymous_after_its_session_ends() {
    let server = Server::start().await;
    let (mut phone, mut other) = (server.client_of("?person=1").await, server.client_of("?person=2").await);
    phone.until_first_hold().await;
    other.until_first_hold().await;
    server.sessions.end([&[1; 32]]);
    server.stage.lock_seat("A1").await;
    server.stage.publish_payment(person(1), payment(7), PaymentStatus::Pending).await;
    server.stage.lock_as(person(2), &[seat_id("B1")]).await;
    phone.until(&server.stage.truth().await).await;
    other.until(&server.stage.truth().await).await;
    assert_eq!((phone.viewer.holds, phone.viewer.payments.len()), (1, 0), "no own frames since");
    assert_eq!(phone.viewer.snapshots, 1, "it did not start over");
    assert_eq!(other.viewer.hold.as_ref().unwrap()["seat_ids"], serde_json::json!(["B1"]), "other sessions continue");
    let room = server.stage.rooms.open(server.stage.id()).await.unwrap();
    while room.count_people() > 1 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn no_hold_is_sent_when_the_session_ends_while_its_socket_opens() {
    let server = Server::start().await;
    server.stage.rooms.open(server.stage.id()).await.unwrap();
    server.stage.lock_seat("A1").await;
    let mut phone = server.client_of("?person=1&ends=true").await;
    phone.until(&server.stage.truth().await).await;
    server.stage.lock_seat("A2").await;
    phone.until(&server.stage.truth().await).await;
    assert_eq!(phone.viewer.holds, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signed_in_socket_that_lags_gets_a_snapshot_and_the_latest_hold() {
    let server = Server::start().await;
    let (mut slow, mut quick) = (server.client_of("?person=1").await, server.client_of("?person=1").await);
    slow.until_first_hold().await;
    quick.until_first_hold().await;
    let seats = many_seats();
    for _ in 0..150 {
        server.stage.lock(&seats).await;
        quick.until_hold(&hold_of(&server.stage).await).await;
        server.stage.release(None).await;
        quick.until_hold(&hold_of(&server.stage).await).await;
    }
    server.stage.lock_seat("A1").await;
    let last = hold_of(&server.stage).await;
    quick.until_hold(&last).await;
    slow.until_hold(&last).await;
    slow.until(&server.stage.truth().await).await;
    assert!(slow.viewer.snapshots > 1, "the slow client started over");
    assert_eq!(slow.viewer.hold, Some(last));
}
