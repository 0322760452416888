//! `/api/payments`: starting, reading and cancelling payments, and their expiry.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::support::{Answer, TestApp, TestPerson, TestScreening, eventually, invalid_field};

const NOBODY: &str = "00000000-0000-0000-0000-000000000001";

fn time(value: &Value) -> Timestamp {
    value.as_str().unwrap_or_else(|| panic!("{value}")).parse().unwrap()
}

fn id(payment: &Value) -> &str {
    payment["id"].as_str().unwrap()
}

async fn get(person: &TestPerson, payment: &Value) -> Value {
    person.get(&format!("/api/payments/{}", id(payment))).await.expect(200)
}

async fn pay(person: &TestPerson, screening: &TestScreening, method: &str) -> Answer {
    person.post("/api/payments", json!({"screening_id": screening.id, "method": method})).await
}

#[tokio::test]
async fn payment_covers_the_whole_hold_and_extends_the_locks_once() {
    let app = TestApp::with(&["--payment-ttl=8m"]).await;
    let (ann, bob) = (app.sign_in("ann").await, app.sign_in("bob").await);
    let screening = app.screening("ssss").await;
    for (body, field) in [
        (json!({"method": "mock_card"}), "screening_id"),
        (json!({"screening_id": screening.id}), "method"),
        (json!({"screening_id": screening.id, "method": 1}), "method"),
    ] {
        assert_eq!(invalid_field(ann.post("/api/payments", body).await), field);
    }
    // The order of the checks: 404, `unknown_method`, `nothing_locked`, `payment_in_progress`.
    for unknown in [NOBODY, "nonsense"] {
        let body = json!({"screening_id": unknown, "method": "cash"});
        ann.post("/api/payments", body).await.refused(404, "screening_not_found");
    }
    pay(&ann, &screening, "cash").await.refused(422, "unknown_method");
    pay(&ann, &screening, "mock_card").await.refused(409, "nothing_locked");

    let hold = ann.lock(&screening, &["A1", "A2"]).await.expect(200);
    let payment = pay(&ann, &screening, "mock_card").await.expect(201);
    for (field, expected) in [
        ("status", json!("PENDING")),
        ("method", json!("mock_card")),
        ("amount", json!({"amount": 40_000, "currency": "THB"})),
        ("seat_ids", json!(["A1", "A2"])),
        ("action", Value::Null),
    ] {
        assert_eq!(payment[field], expected, "{field} of {payment}");
    }
    let until = time(&payment["expires_at"]);
    let restarted = until.duration_since(time(&hold["expires_at"]));
    assert!(restarted > SignedDuration::from_secs(170), "5 minutes became 8: {restarted}");
    let held = ann.hold(&screening).await;
    assert_eq!((&held["payment_id"], &held["expires_at"]), (&payment["id"], &payment["expires_at"]));
    assert_eq!(get(&ann, &payment).await, payment);
    let other = pay(&ann, &screening, "promptpay").await.refused(409, "payment_in_progress");
    assert_eq!(other["payment_id"], payment["id"]);
    bob.lock(&screening, &["A1"]).await.refused(409, "seat_taken");

    // A later payment for the same seats does not extend their locks again. The lock of a new seat is extended; the
    // payment expires with the earliest of its locks.
    ann.cancel(id(&payment)).await.expect(200);
    let second = pay(&ann, &screening, "mock_card").await.expect(201);
    assert_eq!(second["expires_at"], payment["expires_at"]);
    assert_ne!(second["id"], payment["id"]);
    ann.cancel(id(&second)).await.expect(200);
    ann.lock(&screening, &["A3"]).await.expect(200);
    let third = pay(&ann, &screening, "mock_card").await.expect(201);
    assert_eq!(third["expires_at"], payment["expires_at"]);
    let seats = ann.hold(&screening).await["seats"].clone();
    assert_eq!(time(&seats[0]["expires_at"]), until);
    assert!(time(&seats[2]["expires_at"]) > until, "{seats}");

    // Nobody but the payer can read or change the payment.
    let path = format!("/api/payments/{}", id(&third));
    bob.get(&path).await.refused(404, "payment_not_found");
    bob.confirm(id(&third), "success").await.refused(404, "payment_not_found");
    bob.cancel(id(&third)).await.refused(404, "payment_not_found");
    app.admin().get(&path).await.refused(404, "payment_not_found");
    for unknown in [NOBODY, "nonsense"] {
        ann.get(&format!("/api/payments/{unknown}")).await.refused(404, "payment_not_found");
        ann.confirm(unknown, "success").await.refused(404, "payment_not_found");
        ann.cancel(unknown).await.refused(404, "payment_not_found");
    }
    app.stranger().get(&path).await.refused(401, "sign_in_required");
    for path in ["/api/payments", &format!("{path}/confirm"), &format!("{path}/cancel")] {
        app.stranger().post(path, json!({})).await.refused(401, "sign_in_required");
    }
    app.finish().await;
}

#[tokio::test]
async fn cancelled_payment_stays_cancelled_and_leaves_the_seats_locked() {
    let app = TestApp::start().await;
    let ann = app.sign_in("ann").await;
    let screening = app.screening("ssss").await;
    ann.lock(&screening, &["A1"]).await.expect(200);
    let payment = ann.start_payment(&screening).await.expect(201);
    let cancelled = ann.cancel(id(&payment)).await.expect(200);
    assert_eq!((&cancelled["id"], &cancelled["status"]), (&payment["id"], &json!("CANCELLED")));
    assert_eq!(ann.cancel(id(&payment)).await.expect(200), cancelled, "cancelling is idempotent");
    let held = ann.hold(&screening).await;
    assert_eq!((&held["payment_id"], &held["seat_ids"]), (&Value::Null, &json!(["A1"])), "the seats stay locked");
    for outcome in ["success", "decline"] {
        let refused = ann.confirm(id(&payment), outcome).await.refused(409, "payment_not_pending");
        assert_eq!(refused["payment"]["status"], "CANCELLED");
    }
    // A payment that was sold or declined cannot be cancelled.
    let sold = ann.start_payment(&screening).await.expect(201);
    ann.confirm(id(&sold), "success").await.expect(200);
    let refused = ann.cancel(id(&sold)).await.refused(409, "payment_not_pending");
    assert_eq!((&refused["payment"]["id"], &refused["payment"]["status"]), (&sold["id"], &json!("SUCCEEDED")));
    ann.lock(&screening, &["A2"]).await.expect(200);
    let declined = ann.start_payment(&screening).await.expect(201);
    ann.confirm(id(&declined), "decline").await.refused(402, "payment_declined");
    ann.cancel(id(&declined)).await.refused(409, "payment_not_pending");
    app.finish().await;
}

#[tokio::test]
async fn expired_payment_makes_its_seats_available_without_a_call_of_the_provider() {
    let app = TestApp::with(&["--payment-ttl=1s"]).await;
    let (ann, bob) = (app.sign_in("ann").await, app.sign_in("bob").await);
    let screening = app.screening("ssss").await;
    ann.lock(&screening, &["A1", "A2"]).await.expect(200);
    let payment = ann.start_payment(&screening).await.expect(201);
    eventually("the payment has expired", || async {
        (get(&ann, &payment).await["status"] == "EXPIRED").then_some(())
    })
    .await;
    let refused = ann.confirm(id(&payment), "success").await.refused(409, "payment_expired");
    assert_eq!(refused["payment"]["status"], "EXPIRED");
    assert_eq!(app.stands_at_provider(id(&payment)).await, None, "the provider was not called");
    ann.confirm(id(&payment), "decline").await.refused(409, "payment_expired");
    let refused = ann.cancel(id(&payment)).await.refused(409, "payment_not_pending");
    assert_eq!(refused["payment"]["id"], payment["id"]);
    // The locks were extended until the payment's expiry, and expire with it.
    eventually("the seats are free", || async { screening.taken(&bob).await.is_empty().then_some(()) }).await;
    let events = "/api/admin/events?type=BOOKING_TIMEOUT";
    let told = eventually("the timeout is an event", || async {
        let items = app.admin().get(events).await.expect(200)["items"].as_array().unwrap().clone();
        (!items.is_empty()).then_some(items)
    })
    .await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["data"], json!({"payment_id": payment["id"], "seat_ids": ["A1", "A2"]}));
    assert_eq!((&told[0]["screening_id"], &told[0]["actor"]), (&json!(screening.id), &json!(ann.id)));
    bob.buy_in_time(&screening, &["A1"]).await;
    app.finish().await;
}

#[tokio::test]
async fn payment_started_before_the_close_of_sales_can_be_confirmed() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.sign_in("ann").await, app.sign_in("bob").await);
    let begin = async |screening: TestScreening| {
        bob.lock(&screening, &["A2"]).await.expect_unless(200, "sales_closed")?;
        ann.lock(&screening, &["A1"]).await.expect_unless(200, "sales_closed")?;
        ann.start_payment(&screening).await.expect_unless(201, "sales_closed")
    };
    let (screening, payment) = app.screening_soon("ssss", begin).await;
    eventually("sales have closed", || async {
        (bob.lock(&screening, &["A2"]).await.code() == "sales_closed").then_some(())
    })
    .await;
    ann.lock(&screening, &["A3"]).await.refused(409, "sales_closed");
    bob.start_payment(&screening).await.refused(409, "sales_closed");
    let confirmed = ann.confirm(id(&payment), "success").await.expect(200);
    assert_eq!(confirmed["payment"]["status"], "SUCCEEDED");
    assert_eq!(bob.unlock(&screening, &["A2"]).await.expect(200)["seat_ids"], json!([]));
    app.finish().await;
}

#[tokio::test]
async fn payment_is_refused_when_the_store_has_another_claim_on_the_seat() {
    let app = TestApp::embedded().await;
    let (ann, bob) = (app.sign_in("ann").await, app.sign_in("bob").await);
    let screening = app.screening("ssss").await;
    ann.lock(&screening, &["A1", "A3"]).await.expect(200);
    bob.lock(&screening, &["A2"]).await.expect(200);
    let other = bob.start_payment(&screening).await.expect(201);
    // The lock store is wrong: it says that ann holds A1, while bob has the claim on it in the store.
    app.store().execute("UPDATE seat_claims SET seat_id = 'A1'", []).unwrap();
    let refused = ann.start_payment(&screening).await.refused(409, "seat_taken");
    assert_eq!(refused["seat_ids"], json!(["A1"]));
    assert_eq!(ann.hold(&screening).await["payment_id"], Value::Null);
    bob.cancel(id(&other)).await.expect(200);
    ann.buy(&screening, &["A3"]).await;
    app.finish().await;
}

#[tokio::test]
async fn promptpay_code_contains_the_configured_payee_or_zeros() {
    let app = TestApp::start().await;
    let ann = app.sign_in("ann").await;
    let screening = app.screening("ss").await;
    ann.lock(&screening, &["A1"]).await.expect(200);
    let payment = pay(&ann, &screening, "promptpay").await.expect(201);
    let action = &payment["action"];
    assert_eq!(action["type"], "promptpay_qr");
    let (payload, svg) = (action["payload"].as_str().unwrap(), action["svg"].as_str().unwrap());
    // The fields of the EMVCo code: version, dynamic code, PromptPay's application id, a payee of zeros, baht, the
    // amount, Thailand.
    for part in ["000201", "010212", "0016A000000677010111", "02130000000000000", "5303764", "5406200.00", "5802TH"] {
        assert!(payload.contains(part), "{part} in {payload}");
    }
    assert!(svg.starts_with("<svg") && svg.contains("demo, do not pay"), "{svg}");
    let confirmed = ann.confirm(id(&payment), "success").await.expect(200);
    assert_eq!((&confirmed["payment"]["method"], &confirmed["payment"]["action"]), (&json!("promptpay"), &Value::Null));
    app.finish().await;

    let app = TestApp::with(&["--demo", "--promptpay-id=0812223333"]).await;
    let ann = app.sign_in("ann").await;
    let screening = app.screening("ss").await;
    ann.lock(&screening, &["A1", "A2"]).await.expect(200);
    let action = pay(&ann, &screening, "promptpay").await.expect(201)["action"].clone();
    let payload = action["payload"].as_str().unwrap();
    assert!(payload.contains("01130066812223333") && payload.contains("5406400.00"), "{payload}");
    assert!(action["svg"].as_str().unwrap().contains("demo, do not pay"), "{action}");
    app.finish().await;
}
