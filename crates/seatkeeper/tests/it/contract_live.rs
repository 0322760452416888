//! `/api/ws`: the seat map of a screening, live.

use futures_util::{SinkExt, StreamExt};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio_tungstenite::{connect_async, tungstenite::Message};

use crate::support::{TestApp, Viewer, eventually, invalid_field};

const NOBODY: &str = "00000000-0000-0000-0000-000000000001";

fn until(frame: &Value, seat: &str) -> Timestamp {
    let changes = frame["changes"].as_array().unwrap();
    let change = changes.iter().find(|change| change["id"] == seat).unwrap();
    change["until"].as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn viewer_gets_a_snapshot_and_then_every_change() {
    let app = TestApp::with(&["--payment-ttl=9m"]).await;
    let (ann, bob) = (app.sign_in("ann").await, app.sign_in("bob").await);
    let screening = app.screening("ssssx").await;
    ann.buy(&screening, &["A1"]).await;
    bob.lock(&screening, &["A2"]).await.expect(200);
    let mut viewer = Viewer::join(&app, &screening).await;
    let map: Vec<(&str, &str)> = viewer.seats.iter().map(|(seat, status)| (seat.as_str(), status.as_str())).collect();
    assert_eq!(map, [("A1", "BOOKED"), ("A2", "LOCKED")], "the snapshot omits free seats and seats not for sale");

    let mut frames = Vec::new();
    ann.lock(&screening, &["A3"]).await.expect(200);
    let locked = viewer.next().await;
    assert_eq!(locked["type"], "changes");
    assert_eq!((&locked["changes"][0]["id"], &locked["changes"][0]["status"]), (&json!("A3"), &json!("LOCKED")));
    let first = until(&locked, "A3");
    // Starting a payment extends the locks. The new `until` is a live change.
    let payment = ann.start_payment(&screening).await.expect(201);
    let restarted = viewer.next().await;
    let ends: Timestamp = payment["expires_at"].as_str().unwrap().parse().unwrap();
    let second = until(&restarted, "A3");
    assert!(second > first && second >= ends && second.as_second() - ends.as_second() <= 1, "{restarted} {ends}");
    // The seat map of the HTTP API has the same `seq` as the frames.
    let seats = app.get(&format!("/api/screenings/{}/seats", screening.id)).await.expect(200);
    assert_eq!(seats["seq"].as_u64(), Some(viewer.seq));
    ann.confirm(payment["id"].as_str().unwrap(), "success").await.expect(200);
    frames.push(locked);
    frames.push(restarted);
    while viewer.seats.get("A3").map(String::as_str) != Some("BOOKED") {
        frames.push(viewer.next().await);
    }
    bob.unlock(&screening, &["A2"]).await.expect(200);
    while viewer.seats.contains_key("A2") {
        frames.push(viewer.next().await);
    }
    let last = frames.last().unwrap();
    assert_eq!(last["changes"], json!([{"id": "A2", "status": "AVAILABLE"}]));
    // `seq` increases, and the `prev` of each frame is the `seq` of the frame before.
    for pair in frames.windows(2) {
        assert!(
            pair[1]["prev"].as_i64() <= pair[0]["seq"].as_i64() && pair[0]["seq"].as_i64() < pair[1]["seq"].as_i64()
        );
    }
    let told = frames.iter().map(Value::to_string).collect::<String>();
    for person in [&ann, &bob] {
        assert!(!told.contains(&person.id) && !told.contains(&person.email), "frames do not say who holds a seat");
    }
    // A viewer that joins later gets the same state as a snapshot.
    let late = Viewer::join(&app, &screening).await;
    assert_eq!((late.seq, &late.seats), (viewer.seq, &viewer.seats));
    // While nothing changes, the server sends an `alive` frame with the last `seq`.
    let alive = viewer.next().await;
    assert_eq!((&alive["type"], alive["seq"].as_u64()), (&json!("alive"), Some(viewer.seq)));
    app.finish().await;
}

#[tokio::test]
async fn invalid_handshake_is_refused_before_the_upgrade() {
    let app = TestApp::with(&["--allowed-origins=https://partner.example"]).await;
    let admin = app.admin();
    let screening = app.screening("ss").await;
    let stranger = app.stranger();
    let by_id = format!("screening_id={}", screening.id);
    let own = app.url().to_owned();
    for origin in [own.as_str(), "https://partner.example"] {
        assert_eq!(stranger.knock(&by_id, &[("origin", origin)]).await.status, 101, "{origin}");
    }
    assert_eq!(stranger.knock(&by_id, &[]).await.status, 101, "neither a session nor an origin is needed");
    for origin in ["null", "http://evil.example", "http://127.0.0.1"] {
        stranger.knock(&by_id, &[("origin", origin)]).await.refused(403, "bad_origin");
        stranger.knock("screening_id=nothing", &[("origin", origin)]).await.refused(403, "bad_origin");
    }
    for unknown in ["nonsense", NOBODY] {
        stranger.knock(&format!("screening_id={unknown}"), &[]).await.refused(404, "screening_not_found");
    }
    assert_eq!(invalid_field(stranger.knock("", &[]).await), "screening_id");
    assert_eq!(invalid_field(stranger.knock(&format!("movie_id={NOBODY}"), &[]).await), "start_time");
    stranger.get(&format!("/api/ws?{by_id}")).await.refused(400, "bad_request");
    let by_show = format!("movie_id={}&start_time={}", screening.movie_id, screening.start_time);
    assert_eq!(stranger.knock(&by_show, &[]).await.status, 101);
    let hall = admin.get(&format!("/api/admin/halls/{}", screening.hall_id)).await.expect(200);
    let twin = admin.post("/api/admin/halls", json!({"name": "Twin", "layout": hall["layout"]})).await.expect(201);
    let second = json!({
        "movie_id": screening.movie_id, "hall_id": twin["id"], "start_time": screening.start_time,
        "prices": {"standard": {"amount": 100, "currency": "THB"}},
    });
    admin.post("/api/admin/screenings", second).await.expect(201);
    let refused = stranger.knock(&by_show, &[]).await.refused(409, "ambiguous_screening");
    assert_eq!(refused["screening_ids"].as_array().unwrap().len(), 2);
    app.finish().await;
}

#[tokio::test]
async fn client_messages_are_ignored_and_oversized_ones_close_the_socket() {
    let app = TestApp::start().await;
    let ann = app.sign_in("ann").await;
    let screening = app.screening("ss").await;
    let url = format!("{}/api/ws?screening_id={}", app.url().replacen("http", "ws", 1), screening.id);
    let (mut socket, _) = connect_async(url).await.unwrap();
    let snapshot = socket.next().await.unwrap().unwrap().into_text().unwrap();
    assert!(snapshot.contains("\"snapshot\""), "{snapshot}");
    for said in ["", "hello", r#"{"type":"lock","seat":"A1"}"#, &"x".repeat(1_024)] {
        socket.send(Message::text(said)).await.unwrap();
    }
    ann.lock(&screening, &["A2"]).await.expect(200);
    let frame = socket.next().await.unwrap().unwrap().into_text().unwrap();
    assert!(frame.contains("\"A2\"") && !frame.contains("\"A1\""), "{frame}");
    socket.send(Message::text("x".repeat(1_025))).await.unwrap();
    let mut goodbye = None;
    while let Some(Ok(message)) = socket.next().await {
        if let Message::Close(frame) = message {
            goodbye = frame.map(|frame| u16::from(frame.code));
        }
    }
    assert_eq!(goodbye, Some(1009));
    // Other viewers are not affected.
    let mut viewer = Viewer::join(&app, &screening).await;
    ann.unlock(&screening, &["A2"]).await.expect(200);
    viewer.until("A2", "AVAILABLE").await;
    eventually("the map agrees", || async { screening.taken(&ann).await.is_empty().then_some(()) }).await;
    app.finish().await;
}
