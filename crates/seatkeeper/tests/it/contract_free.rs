//! Payments of 0 baht: no method, nothing to do at a payment provider, confirmed by an empty body.

use serde_json::{Value, json};

use crate::support::{Answer, TestApp, TestPerson, TestScreening, eventually, invalid_field};

fn id(payment: &Value) -> &str {
    payment["id"].as_str().unwrap()
}

/// A screening whose seats cost nothing.
async fn free_screening(app: &TestApp, picture: &str) -> TestScreening {
    let screening = app.screening(picture).await;
    let prices = json!({"prices": {"standard": {"amount": 0, "currency": "THB"}}});
    app.admin().patch(&format!("/api/admin/screenings/{}", screening.id), prices).await.expect(200);
    screening
}

/// Starts a payment with these fields in addition to the screening.
async fn pay(person: &TestPerson, screening: &TestScreening, more: Value) -> Answer {
    let mut body = json!({"screening_id": screening.id});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    person.post("/api/payments", body).await
}

async fn confirm(person: &TestPerson, payment: &Value, body: Value) -> Answer {
    person.post(&format!("/api/payments/{}/confirm", id(payment)), body).await
}

#[tokio::test]
async fn free_payment_needs_no_method_and_is_confirmed_by_an_empty_body() {
    let app = TestApp::start().await;
    let ann = app.sign_in("ann").await;
    let screening = free_screening(&app, "ssss").await;
    ann.lock(&screening, &["A1"]).await.expect(200);
    pay(&ann, &screening, json!({"method": "cash"})).await.refused(422, "unknown_method");
    let methods = [json!({}), json!({"method": null}), json!({"method": "promptpay"}), json!({"method": "mock_card"})];
    for (method, seat) in methods.into_iter().zip(["A1", "A2", "A3", "A4"]) {
        ann.lock(&screening, &[seat]).await.expect(200);
        let payment = pay(&ann, &screening, method).await.expect(201);
        assert_eq!(payment["amount"], json!({"amount": 0, "currency": "THB"}));
        assert_eq!((&payment["method"], &payment["action"]), (&Value::Null, &Value::Null), "{payment}");
        assert_eq!(ann.get(&format!("/api/payments/{}", id(&payment))).await.expect(200), payment);
        let first = confirm(&ann, &payment, json!({})).await;
        let repeated = confirm(&ann, &payment, json!({})).await;
        assert_eq!((repeated.status, &repeated.text), (200, &first.text), "confirming is idempotent");
        let sold = first.expect(200);
        assert_eq!(
            (&sold["payment"]["status"], &sold["payment"]["method"], &sold["booking"]["total"]["amount"]),
            (&json!("SUCCEEDED"), &Value::Null, &json!(0))
        );
        assert_eq!(app.stands_at_provider(id(&payment)).await, None, "the provider was not asked");
    }

    let listed = app.admin().get("/api/admin/bookings").await.expect(200);
    assert_eq!(listed["items"][0]["payment_method"], Value::Null, "{listed}");
    let csv = app.admin().get("/api/admin/bookings.csv").await.text;
    assert_eq!(csv.matches(",0.00,THB,").count(), 4, "{csv}");
    assert_eq!(csv.matches(",,บททดสอบ,0.00\r\n").count(), 4, "no payment method in {csv}");
    app.finish().await;
}

#[tokio::test]
async fn payment_with_a_total_needs_a_method_and_an_outcome() {
    let app = TestApp::start().await;
    let ann = app.sign_in("ann").await;
    let screening = app.screening("ss").await;
    let hold = ann.lock(&screening, &["A1"]).await.expect(200);
    for without in [json!({}), json!({"method": null})] {
        let refused = pay(&ann, &screening, without).await;
        assert_eq!(refused.body["errors"][0]["rule"], "required", "{}", refused.text);
        assert_eq!(invalid_field(refused), "method");
    }
    assert_eq!(ann.hold(&screening).await["expires_at"], hold["expires_at"], "the locks were not extended");
    let free = pay(&ann, &screening, json!({"total": {"amount": 0, "currency": "THB"}})).await;
    assert_eq!(free.refused(409, "price_changed")["total"]["amount"], 20_000, "the payer saw a free showing");
    let payment = ann.start_payment(&screening).await.expect(201);
    for without in [json!({}), json!({"outcome": null})] {
        let refused = confirm(&ann, &payment, without).await;
        assert_eq!(refused.body["errors"][0]["rule"], "required", "{}", refused.text);
        assert_eq!(invalid_field(refused), "outcome");
    }
    let sold = ann.confirm(id(&payment), "success").await.expect(200);
    assert_eq!(sold["payment"]["method"], "mock_card");
    let listed = app.admin().get("/api/admin/bookings").await.expect(200);
    assert_eq!(listed["items"][0]["payment_method"], "mock_card");
    // Another person's payment does not exist, whatever the body says.
    confirm(&app.sign_in("bob").await, &payment, json!({})).await.refused(404, "payment_not_found");
    app.finish().await;
}

#[tokio::test]
async fn free_payment_can_be_cancelled_and_expires_like_any_other() {
    let app = TestApp::with(&["--payment-ttl=1s"]).await;
    let ann = app.sign_in("ann").await;
    let screening = free_screening(&app, "s").await;
    let cancelled = eventually("a payment is cancelled in time", || async {
        ann.lock(&screening, &["A1"]).await.expect(200);
        let payment = pay(&ann, &screening, json!({})).await.expect_unless(201, "nothing_locked")?;
        ann.cancel(id(&payment)).await.expect_unless(200, "payment_not_pending")
    })
    .await;
    assert_eq!(cancelled["status"], "CANCELLED");
    confirm(&ann, &cancelled, json!({})).await.refused(409, "payment_not_pending");
    let expired = eventually("a payment is started", || async {
        ann.lock(&screening, &["A1"]).await.expect(200);
        pay(&ann, &screening, json!({})).await.expect_unless(201, "nothing_locked")
    })
    .await;
    eventually("the payment has expired", || async {
        let now = ann.get(&format!("/api/payments/{}", id(&expired))).await.expect(200);
        (now["status"] == "EXPIRED").then_some(())
    })
    .await;
    confirm(&ann, &expired, json!({})).await.refused(409, "payment_expired");
    for payment in [&cancelled, &expired] {
        assert_eq!(app.stands_at_provider(id(payment)).await, None, "the provider was not asked");
    }
    app.finish().await;
}
