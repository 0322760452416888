//! Tests of `GET /api/ws` and `GET /api/screenings/{id}/seats` against the API contract.

use futures_util::StreamExt as _;
use seatkeeper_core::{
    box_office::{Buyer, LockOutcome, SeatSelection, lock_seats},
    ids::PersonId,
};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    client_async,
    tungstenite::{Message, client::IntoClientRequest as _},
};
use uuid::Uuid;

use super::{
    cinema::{Cinema, movie_id, screening_id},
    viewer::{Then, Viewer},
};

async fn lock(cinema: &Cinema, seat: &str) {
    let office = &cinema.app.office;
    let screening = office.find_screening(screening_id(1)).await.unwrap().unwrap();
    let wanted = SeatSelection::parse(&screening, &[seat.to_owned()]).unwrap();
    let person = PersonId::from_uuid(Uuid::from_u128(1));
    let outcome = lock_seats(office, &Buyer::alone(person), &screening, &wanted).await.unwrap();
    assert!(matches!(outcome, LockOutcome::Held(_)), "{outcome:?}");
}

fn seats_path() -> String {
    format!("/api/screenings/{}/seats", screening_id(1))
}

#[tokio::test]
async fn seat_map_with_a_matching_etag_is_not_sent_again() {
    let cinema = Cinema::open().await;
    let first = cinema.get(&seats_path(), &[]).await;
    assert_eq!((first.status, first.headers["content-type"].as_bytes()), (200, &b"application/json"[..]));
    let statuses: Vec<String> = first.json()["seats"].as_array().unwrap().iter().map(brief).collect();
    assert_eq!(statuses, ["A1 AVAILABLE", "A2 AVAILABLE", "A3 UNAVAILABLE", "B1 AVAILABLE", "B2 AVAILABLE"]);
    let etag = first.headers["etag"].to_str().unwrap();
    let again = cinema.get(&seats_path(), &[("if-none-match", etag)]).await;
    assert_eq!((again.status, again.body.len()), (304, 0));
    assert_eq!(again.headers["etag"], etag);
    lock(&cinema, "A1").await;
    let changed = cinema.get(&seats_path(), &[("if-none-match", etag)]).await;
    assert_eq!(changed.status, 200);
    assert_eq!(changed.json()["seats"][0]["until"], "2026-11-23T12:35:00Z");
    assert!(changed.json()["seq"].as_i64() > first.json()["seq"].as_i64());
}

fn brief(seat: &serde_json::Value) -> String {
    format!("{} {}", seat["id"].as_str().unwrap(), seat["status"].as_str().unwrap())
}

#[tokio::test]
async fn seat_map_is_compressed_for_clients_that_accept_gzip() {
    let cinema = Cinema::open().await;
    let plain = cinema.get(&seats_path(), &[]).await;
    let packed = cinema.get(&seats_path(), &[("accept-encoding", "gzip, br")]).await;
    assert_eq!(packed.headers["content-encoding"], "gzip");
    assert!(packed.body.starts_with(&[0x1f, 0x8b]) && packed.body.len() < plain.body.len());
    assert_eq!(packed.headers["etag"], plain.headers["etag"]);
}

#[tokio::test]
async fn seats_of_an_unknown_screening_are_not_found() {
    let cinema = Cinema::open().await;
    for id in ["nonsense".to_owned(), screening_id(9).to_string()] {
        let answer = cinema.get(&format!("/api/screenings/{id}/seats"), &[]).await;
        assert_eq!(answer.refusal(), "404 screening_not_found");
    }
}

#[tokio::test]
async fn invalid_websocket_request_is_refused_before_the_upgrade() {
    let cinema = Cinema::open().await;
    let one = format!("/api/ws?screening_id={}", screening_id(1));
    let show = |hours: &str| format!("/api/ws?movie_id={}&start_time=2026-11-24T{hours}:30:00Z", movie_id());
    let own = format!("http://{}", cinema.address);
    let refusals = [
        (one.clone(), Some("https://evil.example"), "403 bad_origin"),
        ("/api/ws".to_owned(), Some("null"), "403 bad_origin"),
        ("/api/ws".to_owned(), None, "422 invalid"),
        (format!("/api/ws?movie_id={}", movie_id()), None, "422 invalid"),
        (format!("/api/ws?movie_id={}&start_time=noon", movie_id()), None, "422 invalid"),
        (format!("/api/ws?screening_id={}", screening_id(9)), Some(own.as_str()), "404 screening_not_found"),
        ("/api/ws?screening_id=nonsense".to_owned(), None, "404 screening_not_found"),
        (show("09"), None, "404 screening_not_found"),
        (show("08"), None, "409 ambiguous_screening"),
        (one, Some(own.as_str()), "400 bad_request"),
    ];
    for (path, origin, refusal) in refusals {
        let headers: Vec<_> = origin.map(|origin| ("origin", origin)).into_iter().collect();
        let answer = cinema.get(&path, &headers).await;
        assert_eq!(answer.refusal(), refusal, "{path} {origin:?}");
        if answer.status == 409 {
            let ids: Vec<_> = [2, 3].map(|n| screening_id(n).to_string()).into();
            assert_eq!(answer.json()["screening_ids"], serde_json::json!(ids));
        }
    }
}

#[tokio::test]
async fn socket_from_the_own_origin_has_the_same_seq_as_the_seat_map() {
    let cinema = Cinema::open().await;
    for query in [
        format!("screening_id={}", screening_id(1)),
        format!("movie_id={}&start_time=2026-11-23T22:30:00Z", movie_id()),
    ] {
        let mut request = format!("ws://{}/api/ws?{query}", cinema.address).into_client_request().unwrap();
        request.headers_mut().insert("origin", format!("http://{}", cinema.address).parse().unwrap());
        let stream = TcpStream::connect(cinema.address).await.unwrap();
        let (mut socket, _) = client_async(request, stream).await.unwrap();
        let mut viewer = Viewer::default();
        let mut next = async || match socket.next().await {
            Some(Ok(Message::Text(text))) => assert_eq!(viewer.take(&text), Then::GoOn),
            other => panic!("{other:?}"),
        };
        next().await;
        let seat = if query.starts_with("screening") { "A2" } else { "B1" };
        lock(&cinema, seat).await;
        next().await;
        assert!(viewer.seats.contains_key(seat), "{:?}", viewer.seats);
        let map = cinema.get(&seats_path(), &[]).await.json();
        assert_eq!(map["seq"].as_i64(), viewer.seq);
    }
}

#[tokio::test]
async fn call_whose_client_disconnects_runs_to_its_end() {
    let cinema = Cinema::open().await;
    let (reply, replied) = tokio::sync::oneshot::channel::<()>();
    let (done, ended) = tokio::sync::oneshot::channel();
    let mut call = Box::pin(cinema.app.run_to_end(async move {
        replied.await.unwrap();
        done.send(()).unwrap();
    }));
    assert!(futures_util::poll!(call.as_mut()).is_pending());
    drop(call);
    reply.send(()).unwrap();
    ended.await.unwrap();
    assert_eq!(cinema.app.run_to_end(async { 7 }).await, 7);
}
