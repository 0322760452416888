//! Callbacks of the payment provider: correctly signed, late, repeated, and forged.

use jiff::SignedDuration;
use seatkeeper_embedded::mock_provider::sign;
use serde_json::{Value, json};

use crate::support::{SECRET, SECRET_FLAG, TestApp, TestPerson, TestScreening, eventually, invalid_field, now};

const NOBODY: &str = "00000000-0000-0000-0000-000000000001";

async fn pending(person: &TestPerson, screening: &TestScreening, seats: &[&str]) -> String {
    person.lock(screening, seats).await.expect(200);
    person.start_payment(screening).await.expect(201)["id"].as_str().unwrap().to_owned()
}

async fn status(person: &TestPerson, payment: &str) -> String {
    let payment = person.get(&format!("/api/payments/{payment}")).await.expect(200);
    payment["status"].as_str().unwrap().to_owned()
}

async fn expired(person: &TestPerson, payment: &str) {
    eventually("the payment has expired", || async { (status(person, payment).await == "EXPIRED").then_some(()) })
        .await;
}

#[tokio::test]
async fn callback_is_refused_without_a_recent_valid_signature() {
    let app = TestApp::with(&[SECRET_FLAG, "--mock-payment=callback=never"]).await;
    let ann = app.sign_in("ann").await;
    let screening = app.screening("ssss").await;
    let payment = pending(&ann, &screening, &["A1"]).await;
    app.move_at_provider(&payment, "authorised").await;
    let zero = SignedDuration::ZERO;
    let five_minutes = SignedDuration::from_secs(330);
    app.report_signed(&payment, "another secret of sixteen", zero).await.refused(401, "bad_signature");
    app.report_signed(&payment, SECRET, five_minutes).await.refused(401, "bad_signature");
    app.report_signed(&payment, SECRET, -five_minutes).await.refused(401, "bad_signature");
    let body = json!({"payment_id": payment}).to_string();
    for signature in ["", "t=1,v1=00", "nonsense"] {
        app.report_raw("mock", signature, &body).await.refused(401, "bad_signature");
    }
    // A signature that is valid for another body.
    let signature = sign(SECRET.as_bytes(), now(), b"{}");
    app.report_raw("mock", &signature, &body).await.refused(401, "bad_signature");
    // Neither a session cookie nor the site's own origin replaces the signature.
    ann.post("/api/payments/callback/mock", json!({"payment_id": payment})).await.refused(401, "bad_signature");
    assert_eq!(status(&ann, &payment).await, "PENDING", "none of these callbacks had an effect");

    let signed = |body: &str| sign(SECRET.as_bytes(), now(), body.as_bytes());
    app.report_raw("stripe", &signed(&body), &body).await.refused(404, "provider_not_found");
    app.report_raw("mock", &signed("{"), "{").await.refused(400, "bad_request");
    assert_eq!(invalid_field(app.report_raw("mock", &signed("{}"), "{}").await), "payment_id");
    for unknown in [NOBODY, "nonsense"] {
        app.report(unknown).await.refused(404, "payment_not_found");
    }
    let plain = [("content-type", "text/plain"), ("x-seatkeeper-signature", &signed(&body))];
    let answer = app.stranger().raw("POST", "/api/payments/callback/mock", &plain, body.clone()).await;
    answer.refused(415, "unsupported_media_type");

    // The callback alone completes the payment; repeated callbacks change nothing.
    for _ in 0..3 {
        assert_eq!(app.report(&payment).await.status, 204);
        assert_eq!(status(&ann, &payment).await, "SUCCEEDED");
    }
    ann.confirm(&payment, "success").await.expect(200);
    ann.confirm(&payment, "decline").await.refused(409, "payment_not_pending");
    // The provider reports that it has received no money for this payment, so the callback changes nothing.
    let unpaid = pending(&ann, &screening, &["A2"]).await;
    assert_eq!(app.report(&unpaid).await.status, 204);
    assert_eq!(status(&ann, &unpaid).await, "PENDING");
    app.move_at_provider(&unpaid, "declined").await;
    assert_eq!(app.report(&unpaid).await.status, 204);
    assert_eq!(status(&ann, &unpaid).await, "DECLINED");
    app.finish().await;
}

#[tokio::test]
async fn late_payment_buys_its_seats_if_they_are_available_and_is_refunded_otherwise() {
    let app = TestApp::with(&[SECRET_FLAG, "--payment-ttl=1s", "--mock-payment=callback=never"]).await;
    let (ann, bob) = (app.sign_in("ann").await, app.sign_in("bob").await);
    let screening = app.screening("ssssssss").await;
    let (free, locked, sold) = (app.screening("ss").await, app.screening("ss").await, app.screening("ss").await);
    let mut late = Vec::new();
    for screening in [&free, &locked, &sold] {
        late.push(pending(&ann, screening, &["A1", "A2"]).await);
    }
    for payment in &late {
        expired(&ann, payment).await;
    }
    eventually("bob gets a seat", || async { (bob.lock(&locked, &["A2"]).await.status == 200).then_some(()) }).await;
    eventually("bob gets the other", || async { (bob.lock(&sold, &["A1"]).await.status == 200).then_some(()) }).await;
    bob.buy_in_time(&sold, &["A1"]).await;
    for payment in &late {
        app.move_at_provider(payment, "captured").await;
    }
    for _ in 0..2 {
        for payment in late.iter().rev() {
            assert_eq!(app.report(payment).await.status, 204);
        }
    }
    assert_eq!(status(&ann, &late[0]).await, "SUCCEEDED", "the seats were still free");
    assert_eq!(free.taken(&bob).await, ["A1:BOOKED", "A2:BOOKED"]);
    for (payment, why) in late[1..].iter().zip(["locked by another", "sold to another"]) {
        assert_eq!(status(&ann, payment).await, "REFUNDED", "{why}");
        let refused = ann.confirm(payment, "success").await.refused(409, "seats_lost");
        assert_eq!(refused["payment"]["status"], "REFUNDED");
        assert_eq!(app.stands_at_provider(payment).await.as_deref(), Some("refunded"), "{why}");
        ann.cancel(payment).await.refused(409, "payment_not_pending");
    }
    assert_eq!(locked.taken(&ann).await, ["A2:LOCKED"], "a payment's seats are sold all or none");
    assert_eq!(sold.taken(&ann).await, ["A1:BOOKED"]);
    let told = eventually("the refund events are listed", || async {
        let path = "/api/admin/events?type=PAYMENT_REFUNDED";
        let items = app.admin().get(path).await.expect(200)["items"].as_array().unwrap().clone();
        (items.len() >= 2).then_some(items)
    })
    .await;
    let mut refunded: Vec<&Value> = told.iter().map(|event| &event["data"]["payment_id"]).collect();
    refunded.sort_by_key(ToString::to_string);
    let mut expected: Vec<Value> = late[1..].iter().map(|payment| json!(payment)).collect();
    expected.sort_by_key(ToString::to_string);
    assert_eq!(refunded, expected.iter().collect::<Vec<_>>(), "one event for each refund");

    // After a payment was cancelled or declined, the payer still holds the seats, so a late success of it buys them.
    let cancelled = eventually("a payment is cancelled in time", || async {
        let payment = pending(&ann, &screening, &["A1"]).await;
        ann.cancel(&payment).await.expect_unless(200, "payment_not_pending").map(|_| payment)
    })
    .await;
    app.move_at_provider(&cancelled, "authorised").await;
    assert_eq!(app.report(&cancelled).await.status, 204);
    assert_eq!(status(&ann, &cancelled).await, "SUCCEEDED");
    app.finish().await;
}

#[tokio::test]
async fn late_payment_is_refunded_without_a_mail_when_sales_are_closed() {
    let app = TestApp::with(&[SECRET_FLAG, "--payment-ttl=1s", "--mock-payment=callback=never"]).await;
    let ann = app.sign_in("ann").await;
    let begin = async |screening: TestScreening| {
        ann.lock(&screening, &["A1"]).await.expect_unless(200, "sales_closed")?;
        let payment = ann.start_payment(&screening).await.expect_unless(201, "sales_closed")?;
        Some(payment["id"].as_str().unwrap().to_owned())
    };
    let (screening, payment) = app.screening_soon("ss", begin).await;
    expired(&ann, &payment).await;
    app.move_at_provider(&payment, "captured").await;
    eventually("sales are closed", || async {
        (ann.start_payment(&screening).await.code() == "sales_closed").then_some(())
    })
    .await;
    for _ in 0..2 {
        assert_eq!(app.report(&payment).await.status, 204);
        assert_eq!(status(&ann, &payment).await, "REFUNDED");
    }
    assert_eq!(app.stands_at_provider(&payment).await.as_deref(), Some("refunded"));
    assert_eq!(screening.taken(&ann).await, Vec::<String>::new());
    assert_eq!(ann.list_all("/api/bookings").await.len(), 0);
    let told = eventually("the refund event is listed", || async {
        let path = "/api/admin/events?type=PAYMENT_REFUNDED";
        let items = app.admin().get(path).await.expect(200)["items"].as_array().unwrap().clone();
        (!items.is_empty()).then_some(items)
    })
    .await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["data"]["reason"], "sales_closed");
    assert_eq!(app.admin().list_all("/api/admin/mail").await.len(), 0);
    app.finish().await;
}

#[tokio::test]
async fn refund_by_the_provider_refunds_the_booking_and_makes_its_seats_available() {
    let app = TestApp::with(&[SECRET_FLAG]).await;
    let (ann, bob) = (app.sign_in("ann").await, app.sign_in("bob").await);
    let screening = app.screening("ss").await;
    let payment = pending(&ann, &screening, &["A1"]).await;
    let booking = ann.confirm(&payment, "success").await.expect(200)["booking"].clone();
    eventually("the money is captured", || async {
        (app.stands_at_provider(&payment).await.as_deref() == Some("captured")).then_some(())
    })
    .await;
    app.move_at_provider(&payment, "refunded").await;
    for _ in 0..2 {
        assert_eq!(app.report(&payment).await.status, 204);
    }
    assert_eq!(status(&ann, &payment).await, "REFUNDED");
    let path = format!("/api/bookings/{}", booking["id"].as_str().unwrap());
    assert_eq!(ann.get(&path).await.expect(200)["status"], "REFUNDED");
    let all = app.admin().get("/api/admin/bookings").await.expect(200);
    assert_eq!(all["items"][0]["status"], "REFUNDED");
    let nothing = json!({"bookings": 0, "seats": 0, "revenue": {"amount": 0, "currency": "THB"}});
    assert_eq!(all["totals"], nothing, "totals exclude refunded bookings");
    assert_eq!(screening.taken(&bob).await, Vec::<String>::new());
    bob.buy(&screening, &["A1"]).await;
    app.finish().await;
}

#[tokio::test]
async fn seats_are_sold_once_when_answers_are_lost_and_callbacks_repeated() {
    let app = TestApp::with(&["--mock-payment=lose_answer=0.5,callback=twice"]).await;
    let ann = app.sign_in("ann").await;
    let screening = app.screening("ssss").await;
    for seat in ["A1", "A2", "A3", "A4"] {
        let payment = pending(&ann, &screening, &[seat]).await;
        let answer = ann.confirm(&payment, "success").await;
        assert!([200, 202].contains(&answer.status), "{}", answer.text);
        eventually("it is sold", || async { (status(&ann, &payment).await == "SUCCEEDED").then_some(()) }).await;
        eventually("the money is captured", || async {
            (app.stands_at_provider(&payment).await.as_deref() == Some("captured")).then_some(())
        })
        .await;
    }
    assert_eq!(screening.taken(&ann).await, ["A1:BOOKED", "A2:BOOKED", "A3:BOOKED", "A4:BOOKED"]);
    assert_eq!(ann.list_all("/api/bookings").await.len(), 4);
    app.finish().await;
}
