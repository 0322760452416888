//! `/api/ws` with a session: one's own hold and payments, on every device.

use serde_json::{Value, json};

use crate::support::{TestApp, Viewer};

#[tokio::test]
async fn two_phones_and_a_desktop_of_one_person_show_the_same_own_seats() {
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
            // The answer of the call and the frame are the same, and have the same number.
            device.until_hold(answer).await;
            let seq = answer["seq"].as_u64().unwrap();
            // Within one frame's delay: no seat of the hold was shown as somebody's before the hold was.
            assert!(device.seq <= seq, "the map was at {} before the hold of {seq} came", device.seq);
        }
    }
    assert_eq!(ann.hold(&screening).await, answers[2], "GET answers the same");
    bob.lock(&screening, &["A4"]).await.expect(200);
    for other in [&mut stranger, &mut nobody] {
        other.until("A4", "LOCKED").await;
    }
    assert_eq!((stranger.holds, nobody.holds), (2, 0));
    assert_eq!(stranger.hold.as_ref().unwrap()["seat_ids"], json!(["A4"]), "only one's own");
    app.finish().await;
}

#[tokio::test]
async fn a_payer_is_told_every_status_of_a_payment_and_nobody_else_is() {
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
            // The payment lock's end is a change of the hold, though it may be none of any seat.
            while device.hold.as_ref().unwrap()["payment_id"] != Value::Null {
                device.next().await;
            }
        }
    }
    for device in [&mut phone, &mut desktop] {
        device.until("A1", "BOOKED").await;
        // The provider's own message and the answer to the confirmation may both tell of the sale.
        device.payments.dedup();
        assert_eq!(device.payments, told, "in order");
        assert_eq!(device.hold.as_ref().unwrap()["seat_ids"], json!([]), "what is bought is not held");
    }
    stranger.until("A1", "BOOKED").await;
    assert!(stranger.payments.is_empty() && stranger.holds == 1);
    app.finish().await;
}

#[tokio::test]
async fn a_payer_is_told_that_a_payment_has_expired() {
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
async fn after_a_sign_out_the_socket_stays_and_shows_nothing_of_the_person() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.sign_in("ann").await, app.sign_in("bob").await);
    let screening = app.screening("ssss").await;
    let mut phone = Viewer::join_as(&ann, &screening).await;
    ann.lock(&screening, &["A1"]).await.expect(200);
    while phone.holds < 2 {
        phone.next().await;
    }
    // The same person, on another device, goes on.
    let elsewhere = app.sign_in("ann").await;
    let mut desktop = Viewer::join_as(&elsewhere, &screening).await;
    ann.post("/api/auth/logout", json!({})).await;
    let held = elsewhere.lock(&screening, &["A2"]).await.expect(200);
    desktop.until_hold(&held).await;
    bob.lock(&screening, &["A3"]).await.expect(200);
    phone.until("A3", "LOCKED").await;
    assert_eq!(phone.holds, 2, "nothing of its own since the sign-out");
    app.finish().await;
}

#[tokio::test]
async fn hold_answers_have_the_number_of_the_change() {
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
        assert_eq!(viewer.seq, seq, "the frame of this change has the number of the answer");
    }
    ann.lock(&screening, &["A2"]).await.expect(200);
    let payment = ann.start_payment(&screening).await.expect(201);
    let before = ann.hold(&screening).await["seq"].as_u64().unwrap();
    ann.cancel(payment["id"].as_str().unwrap()).await.expect(200);
    let after = ann.hold(&screening).await["seq"].as_u64().unwrap();
    assert!(after > before, "a payment lock's end alone takes a number: {before} {after}");
    // The chain of frames goes over it: the viewer checks that none is missing.
    while viewer.seq < after {
        viewer.next().await;
    }
    app.finish().await;
}
