//! `/api/ws` with a session: frames about the person's own hold and payments, on each of the person's devices.

use serde_json::{Value, json};

use crate::support::{TestApp, Viewer};

#[tokio::test]
async fn hold_frames_reach_every_device_of_the_person_and_nobody_else() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.sign_in("ann").await, app.sign_in("bob").await);
    let screening = app.screening("ssss/ssss").await;
    let first = ann.lock(&screening, &["A1"]).await.expect(200);
    let mut devices = Vec::new();
    for _ in 0..3 {
        let device = Viewer::join_as(&ann, &screening).await;
        assert_eq!(device.hold.as_ref(), Some(&first), "the hold follows the snapshot");
        devices.push(device);
    }
    let mut stranger = Viewer::join_as(&bob, &screening).await;
    assert_eq!(stranger.hold.as_ref().unwrap()["seat_ids"], json!([]));
    let mut nobody = Viewer::join(&app, &screening).await;

    let answers = [
        ann.lock(&screening, &["A2", "B1"]).await.expect(200),
        ann.unlock(&screening, &["A1"]).await.expect(200),
        ann.lock(&screening, &["B2"]).await.expect(200),
    ];
    for device in &mut devices {
        for answer in &answers {
            // The response of a call and the `hold` frame that it causes have the same content and the same `seq`.
            device.until_hold(answer).await;
            let seq = answer["seq"].as_u64().unwrap();
            // The seat map must not be ahead of the hold: otherwise it would show seats of the hold as locked by
            // another person until the `hold` frame arrives.
            assert!(device.seq <= seq, "the map was at {} before the hold frame of {seq} arrived", device.seq);
        }
    }
    assert_eq!(ann.hold(&screening).await, answers[2], "GET returns the same hold");
    bob.lock(&screening, &["A4"]).await.expect(200);
    for other in [&mut stranger, &mut nobody] {
        other.until("A4", "LOCKED").await;
    }
    assert_eq!((stranger.holds, nobody.holds), (2, 0));
    assert_eq!(stranger.hold.as_ref().unwrap()["seat_ids"], json!(["A4"]), "a person gets only their own hold");
    app.finish().await;
}

#[tokio::test]
async fn payment_frames_with_every_status_reach_the_payer_only() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.sign_in("ann").await, app.sign_in("bob").await);
    let screening = app.screening("ssss/ssss").await;
    let (mut phone, mut desktop) = (Viewer::join_as(&ann, &screening).await, Viewer::join_as(&ann, &screening).await);
    let mut stranger = Viewer::join_as(&bob, &screening).await;
    let mut told = Vec::new();
    ann.lock(&screening, &["A1"]).await.expect(200);
    for ending in ["CANCELLED", "DECLINED", "SUCCEEDED"] {
        let payment = ann.start_payment(&screening).await.expect(201);
        let id = payment["id"].as_str().unwrap().to_owned();
        for device in [&mut phone, &mut desktop] {
            device.until_payment("PENDING", &id).await;
            while device.hold.as_ref().unwrap()["payment_id"] != payment["id"] {
                device.next().await;
            }
        }
        told.push(format!("PENDING {id}"));
        if ending == "CANCELLED" {
            ann.cancel(&id).await.expect(200);
        } else {
            let (outcome, status) = if ending == "DECLINED" { ("decline", 402) } else { ("success", 200) };
            assert_eq!(ann.confirm(&id, outcome).await.status, status);
            told.push(format!("CONFIRMING {id}"));
        }
        told.push(format!("{ending} {id}"));
        for device in [&mut phone, &mut desktop] {
            device.until_payment(ending, &id).await;
            // The end of the payment lock changes the hold, even if it changes no seat.
            while device.hold.as_ref().unwrap()["payment_id"] != Value::Null {
                device.next().await;
            }
        }
    }
    for device in [&mut phone, &mut desktop] {
        device.until("A1", "BOOKED").await;
        // The provider's callback and the confirmation may both publish the sale, so one status may arrive twice.
        device.payments.dedup();
        assert_eq!(device.payments, told, "in order");
        assert_eq!(device.hold.as_ref().unwrap()["seat_ids"], json!([]), "bought seats are not in the hold");
    }
    stranger.until("A1", "BOOKED").await;
    assert!(stranger.payments.is_empty() && stranger.holds == 1);
    app.finish().await;
}

#[tokio::test]
async fn payment_frame_is_sent_when_the_payment_expires() {
    let app = TestApp::with(&["--payment-ttl=2s"]).await;
    let ann = app.sign_in("ann").await;
    let screening = app.screening("ss").await;
    let mut phone = Viewer::join_as(&ann, &screening).await;
    ann.lock(&screening, &["A1"]).await.expect(200);
    let payment = ann.start_payment(&screening).await.expect(201);
    phone.until_payment("EXPIRED", payment["id"].as_str().unwrap()).await;
    while phone.hold.as_ref().unwrap()["seat_ids"] != json!([]) {
        phone.next().await;
    }
    app.finish().await;
}

#[tokio::test]
async fn socket_gets_no_hold_frames_after_its_session_has_ended_but_stays_open() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.sign_in("ann").await, app.sign_in("bob").await);
    let screening = app.screening("ssss").await;
    let mut phone = Viewer::join_as(&ann, &screening).await;
    ann.lock(&screening, &["A1"]).await.expect(200);
    while phone.holds < 2 {
        phone.next().await;
    }
    // The session of the same person on another device is still valid.
    let elsewhere = app.sign_in("ann").await;
    let mut desktop = Viewer::join_as(&elsewhere, &screening).await;
    ann.post("/api/auth/logout", json!({})).await;
    let held = elsewhere.lock(&screening, &["A2"]).await.expect(200);
    desktop.until_hold(&held).await;
    bob.lock(&screening, &["A3"]).await.expect(200);
    phone.until("A3", "LOCKED").await;
    assert_eq!(phone.holds, 2, "no hold frame after the sign-out");
    app.finish().await;
}

#[tokio::test]
async fn hold_response_has_the_seq_of_the_live_change_that_it_reports() {
    let app = TestApp::start().await;
    let ann = app.sign_in("ann").await;
    let screening = app.screening("ssss").await;
    let mut viewer = Viewer::join(&app, &screening).await;
    for is_lock in [true, false] {
        let call = if is_lock { ann.lock(&screening, &["A1"]).await } else { ann.unlock(&screening, &["A1"]).await };
        let seq = call.expect(200)["seq"].as_u64().unwrap();
        while viewer.seq < seq {
            viewer.next().await;
        }
        assert_eq!(viewer.seq, seq, "the frame of this change has the response's number");
    }
    ann.lock(&screening, &["A2"]).await.expect(200);
    let payment = ann.start_payment(&screening).await.expect(201);
    let before = ann.hold(&screening).await["seq"].as_u64().unwrap();
    ann.cancel(payment["id"].as_str().unwrap()).await.expect(200);
    let after = ann.hold(&screening).await["seq"].as_u64().unwrap();
    assert!(after > before, "releasing a payment lock takes a number: {before} {after}");
    // The viewer receives all frames up to that `seq`, and checks that none is missing.
    while viewer.seq < after {
        viewer.next().await;
    }
    app.finish().await;
}
