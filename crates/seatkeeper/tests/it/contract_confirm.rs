//! Confirming a payment: idempotency with and without an `Idempotency-Key`, and slow providers.

use futures_util::future::join_all;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::support::{TestApp, TestPerson, TestScreening, eventually, invalid_field, now};

const NOBODY: &str = "00000000-0000-0000-0000-000000000001";

fn id(payment: &Value) -> &str {
    payment["id"].as_str().unwrap()
}

fn path(payment: &Value) -> String {
    format!("/api/payments/{}/confirm", id(payment))
}

async fn pending(person: &TestPerson, screening: &TestScreening, seat: &str) -> Value {
    person.lock(screening, &[seat]).await.expect(200);
    person.start_payment(screening).await.expect(201)
}

const YES: &str = r#"{"outcome":"success"}"#;
const NO: &str = r#"{"outcome":"decline"}"#;

#[tokio::test]
async fn confirm_is_idempotent_for_the_same_outcome_and_refuses_another() {
    let app = TestApp::start().await;
    let ann = app.sign_in("ann").await;
    let screening = app.screening("sssss").await;
    let payment = pending(&ann, &screening, "A1").await;
    let first = ann.confirm(id(&payment), "success").await;
    let text = first.text.clone();
    let body = first.expect(200);
    assert_eq!((&body["payment"]["status"], &body["payment"]["id"]), (&json!("SUCCEEDED"), &payment["id"]));
    let booking = &body["booking"];
    assert_eq!((&booking["id"], &booking["status"]), (&body["payment"]["booking_id"], &json!("CONFIRMED")));
    for _ in 0..2 {
        let again = ann.confirm(id(&payment), "success").await;
        assert_eq!((again.status, &again.text), (200, &text));
    }
    let refused = ann.confirm(id(&payment), "decline").await.refused(409, "payment_not_pending");
    assert_eq!(refused["payment"]["status"], "SUCCEEDED");
    let seen = ann.get(&format!("/api/payments/{}", id(&payment))).await.expect(200);
    assert_eq!((&seen["status"], &seen["booking_id"]), (&json!("SUCCEEDED"), &booking["id"]));
    assert_eq!(screening.taken(&ann).await, ["A1:BOOKED"]);
    assert_eq!(ann.hold(&screening).await["seat_ids"], json!([]));

    // A declined payment ends, and its seats stay locked until the locks expire.
    let payment = pending(&ann, &screening, "A2").await;
    for _ in 0..3 {
        let declined = ann.confirm(id(&payment), "decline").await.refused(402, "payment_declined");
        assert_eq!(declined["payment"]["status"], "DECLINED");
    }
    ann.confirm(id(&payment), "success").await.refused(409, "payment_not_pending");
    let hold = ann.hold(&screening).await;
    assert_eq!((&hold["seat_ids"], &hold["payment_id"]), (&json!(["A2"]), &Value::Null));
    let again = ann.start_payment(&screening).await.expect(201);
    assert_eq!(again["expires_at"], payment["expires_at"], "the locks are extended only once");
    ann.confirm(id(&again), "success").await.expect(200);

    for (body, field) in [("{}", "outcome"), (r#"{"outcome":"maybe"}"#, "outcome"), ("[]", "body")] {
        let answer = ann.raw("POST", &path(&payment), &[("content-type", "application/json")], body).await;
        assert_eq!(invalid_field(answer), field);
    }

    // Concurrent identical confirmations: one booking is made, and all responses are equal.
    let payment = pending(&ann, &screening, "A3").await;
    let answers = join_all((0..12).map(|_| ann.confirm(id(&payment), "success"))).await;
    let texts: Vec<&str> = answers.iter().map(|answer| answer.text.as_str()).collect();
    assert!(
        answers.iter().all(|answer| answer.status == 200) && texts.iter().all(|text| *text == texts[0]),
        "{texts:?}"
    );
    // Success and decline are confirmed for one payment at the same time: one of them wins, and every response reports
    // that one.
    let payment = pending(&ann, &screening, "A4").await;
    let outcomes = ["success", "decline"].repeat(6);
    let answers = join_all(outcomes.iter().map(|outcome| ann.confirm(id(&payment), outcome))).await;
    let status = ann.get(&format!("/api/payments/{}", id(&payment))).await.expect(200)["status"].clone();
    for (outcome, answer) in outcomes.iter().zip(answers) {
        match (status.as_str().unwrap(), *outcome) {
            ("SUCCEEDED", "success") => drop(answer.expect(200)),
            ("DECLINED", "decline") => drop(answer.refused(402, "payment_declined")),
            ("SUCCEEDED", _) | ("DECLINED", _) => drop(answer.refused(409, "payment_not_pending")),
            other => panic!("{other:?}"),
        }
    }
    app.finish().await;
}

#[tokio::test]
async fn repeated_idempotency_key_returns_the_same_response_bytes() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.sign_in("ann").await, app.sign_in("bob").await);
    let screening = app.screening("ssssss").await;
    ann.lock(&screening, &["A1"]).await.expect(200);
    let start = format!(r#"{{"screening_id":"{}","method":"mock_card"}}"#, screening.id);
    let call = |person: &TestPerson, key: &'static str, path: String, body: String| {
        let person = person.clone();
        async move { person.post_with(("idempotency-key", key), &path, &body).await }
    };
    let begin = |key| call(&ann, key, "/api/payments".into(), start.clone());
    let first = begin("k1").await;
    assert_eq!(first.status, 201, "{}", first.text);
    let repeat = begin("k1").await;
    assert_eq!((repeat.status, &repeat.text), (201, &first.text));
    assert_eq!(repeat.header("content-type"), first.header("content-type"));
    // A body that differs by a single space is another request.
    let other = call(&ann, "k1", "/api/payments".into(), format!("{start} ")).await;
    other.refused(422, "idempotency_key_reused");
    let refused = begin("k2").await.refused(409, "payment_in_progress");
    assert_eq!(refused["payment_id"], first.body["id"]);

    // The scope of a key is one person, method and path.
    let confirm = path(&first.body);
    let sold = call(&ann, "k1", confirm.clone(), YES.into()).await;
    assert_eq!(sold.status, 200, "{}", sold.text);
    assert_eq!(call(&ann, "k1", confirm.clone(), YES.into()).await.text, sold.text);
    call(&ann, "k1", confirm.clone(), NO.into()).await.refused(422, "idempotency_key_reused");
    call(&bob, "k1", confirm.clone(), YES.into()).await.refused(404, "payment_not_found");
    // The refusal of `k2` was not stored: the call runs again, and finds that the payment in progress has ended.
    begin("k2").await.refused(409, "nothing_locked");
    // A declined payment is an outcome, and is stored.
    let payment = pending(&ann, &screening, "A2").await;
    let declined = call(&ann, "k4", path(&payment), NO.into()).await;
    assert_eq!(declined.status, 402);
    assert_eq!(call(&ann, "k4", path(&payment), NO.into()).await.text, declined.text);
    let wrong = start.replace("mock_card", "cash");
    let unknown = call(&ann, "k5", "/api/payments".into(), wrong.clone()).await;
    assert_eq!((unknown.status, unknown.code()), (422, "unknown_method"));
    let started = call(&ann, "k5", "/api/payments".into(), start.clone()).await.expect(201);
    ann.cancel(id(&started)).await.expect(200);
    call(&app.stranger(), "k6", "/api/payments".into(), start.clone()).await.refused(401, "sign_in_required");

    // Invalid keys: an empty one, one that is too long, one that is not printable, and two keys in one request.
    let long = "k".repeat(256);
    for bad in ["", long.as_str(), "k\t1"] {
        let answer = ann.post_with(("idempotency-key", bad), "/api/payments", &start).await;
        assert_eq!(invalid_field(answer), "Idempotency-Key", "{bad}");
    }
    let twice = [("idempotency-key", "a"), ("idempotency-key", "b"), ("content-type", "application/json")];
    assert_eq!(invalid_field(ann.raw("POST", "/api/payments", &twice, start.clone()).await), "Idempotency-Key");
    let answer = ann.post_with(("idempotency-key", ""), "/api/payments", "{").await;
    answer.refused(400, "bad_request");
    ann.post_with(("idempotency-key", &long[1..]), "/api/payments", &start).await.expect(201);
    app.finish().await;
}

/// Otherwise an account could fill the disk with refused payments within its rate limit.
#[tokio::test]
async fn refused_start_of_a_payment_leaves_no_idempotency_key() {
    let app = TestApp::embedded().await;
    let ann = app.sign_in("ann").await;
    let screening = app.screening("ss").await;
    let start = format!(r#"{{"screening_id":"{}","method":"mock_card"}}"#, screening.id);
    let count = || app.store().query_row("SELECT count(*) FROM reservations", [], |row| row.get::<_, u32>(0)).unwrap();
    let begin = async |key, body: String| ann.post_with(("idempotency-key", key), "/api/payments", &body).await;
    begin("k1", start.clone()).await.refused(409, "nothing_locked");
    begin("k2", start.replace("mock_card", "cash")).await.refused(422, "unknown_method");
    begin("k3", start.replace(&screening.id, NOBODY)).await.refused(404, "screening_not_found");
    begin("k4", "{".to_owned()).await.refused(400, "bad_request");
    let unknown = format!("/api/payments/{NOBODY}/confirm");
    ann.post_with(("idempotency-key", "k5"), &unknown, YES).await.refused(404, "payment_not_found");
    assert_eq!(count(), 0);
    // The same key and body run again once there is something to pay for.
    ann.lock(&screening, &["A1"]).await.expect(200);
    let started = begin("k1", start.clone()).await;
    assert_eq!(started.status, 201, "{}", started.text);
    assert_eq!(begin("k1", start).await.text, started.text);
    assert_eq!(count(), 1);
    app.finish().await;
}

/// Otherwise an account could fill the disk with refused confirmations, each with another key.
#[tokio::test]
async fn refused_confirmation_leaves_no_idempotency_key_and_a_declined_one_is_stored() {
    let app = TestApp::embedded().await;
    let ann = app.sign_in("ann").await;
    let screening = app.screening("ss").await;
    let payment = pending(&ann, &screening, "A1").await;
    ann.cancel(id(&payment)).await.expect(200);
    let count = || app.store().query_row("SELECT count(*) FROM reservations", [], |row| row.get::<_, u32>(0)).unwrap();
    let confirm = async |key, path: String, body| ann.post_with(("idempotency-key", key), &path, body).await;
    let ended = path(&payment);
    let first = confirm("k1", ended.clone(), YES).await.refused(409, "payment_not_pending");
    assert_eq!(first["payment"]["status"], "CANCELLED");
    for (key, body) in [("k2", "{}"), ("k3", r#"{"outcome":"maybe"}"#)] {
        assert_eq!(invalid_field(confirm(key, ended.clone(), body).await), "outcome");
    }
    confirm("k4", ended.clone(), "{").await.refused(400, "bad_request");
    confirm("k5", "/api/payments/x/confirm".to_owned(), YES).await.refused(404, "payment_not_found");
    assert_eq!(count(), 0);
    // The payment is in the same state, so the same call is refused in the same way.
    let again = confirm("k1", ended.clone(), YES).await.refused(409, "payment_not_pending");
    assert_eq!(again["payment"], first["payment"]);
    let payment = pending(&ann, &screening, "A2").await;
    let declined = confirm("k1", path(&payment), NO).await;
    assert_eq!(declined.status, 402, "{}", declined.text);
    assert_eq!(confirm("k1", path(&payment), NO).await.text, declined.text, "byte for byte");
    assert_eq!(count(), 1);
    // An invalid key is refused before an invalid outcome, and malformed JSON before both.
    assert_eq!(invalid_field(confirm("", ended.clone(), "{}").await), "Idempotency-Key");
    confirm("", ended, "{").await.refused(400, "bad_request");
    app.finish().await;
}

#[tokio::test]
async fn concurrent_calls_with_one_key_start_one_payment() {
    let app = TestApp::start().await;
    let ann = app.sign_in("ann").await;
    let screening = app.screening("ssssss").await;
    ann.lock(&screening, &["A1", "A2"]).await.expect(200);
    let start = format!(r#"{{"screening_id":"{}","method":"promptpay"}}"#, screening.id);
    let begin = || ann.post_with(("idempotency-key", "one"), "/api/payments", &start);
    let started = join_all((0..8).map(|_| begin())).await;
    assert!(started.iter().all(|answer| answer.status == 201 && answer.text == started[0].text), "{started:?}");
    let confirm = path(&started[0].body);
    let confirmed = join_all((0..8).map(|_| ann.post_with(("idempotency-key", "one"), &confirm, YES))).await;
    assert!(confirmed.iter().all(|answer| answer.status == 200 && answer.text == confirmed[0].text), "{confirmed:?}");
    // Two requests with the same key and different bodies at the same time: one of them is served.
    let payment = pending(&ann, &screening, "A3").await;
    let confirm = path(&payment);
    let (yes, no) = tokio::join!(
        ann.post_with(("idempotency-key", "two"), &confirm, YES),
        ann.post_with(("idempotency-key", "two"), &confirm, NO)
    );
    match (yes.status, no.status) {
        (200, 422) => drop(no.refused(422, "idempotency_key_reused")),
        (422, 402) => drop(yes.refused(422, "idempotency_key_reused")),
        other => panic!("{other:?}"),
    }
    app.finish().await;
}

#[tokio::test]
async fn payment_stays_confirming_while_its_outcome_is_unknown() {
    let app = TestApp::with(&["--mock-payment=answer_delay=6s,callback=never", "--payment-ttl=5s"]).await;
    let (ann, bob) = (app.sign_in("ann").await, app.sign_in("bob").await);
    let screening = app.screening("ssss").await;
    let payment = pending(&ann, &screening, "A1").await;
    let confirm = path(&payment);
    // The first response comes after five seconds without the outcome, and the payment continues.
    let (first, ()) = tokio::join!(ann.post_with(("idempotency-key", "slow"), &confirm, YES), async {
        eventually("the first call runs", || async {
            let now = ann.get(&format!("/api/payments/{}", id(&payment))).await.expect(200);
            (now["status"] == "CONFIRMING").then_some(())
        })
        .await;
        let other = ann.post_with(("idempotency-key", "slow"), &confirm, NO).await;
        other.refused(422, "idempotency_key_reused");
        let refused = ann.cancel(id(&payment)).await.refused(409, "payment_not_pending");
        assert_eq!(refused["payment"]["status"], "CONFIRMING");
        ann.confirm(id(&payment), "decline").await.refused(409, "payment_not_pending");
        ann.unlock(&screening, &["A1"]).await.refused(409, "payment_in_progress");
    });
    assert_eq!(first.status, 202, "{}", first.text);
    assert_eq!((&first.body["payment"]["status"], &first.body["booking"]), (&json!("CONFIRMING"), &Value::Null));
    // The payment's lifetime of 5 s is over, but a CONFIRMING payment does not expire.
    bob.lock(&screening, &["A1"]).await.refused(409, "seat_taken");
    let booked = eventually("the outcome is known", || async {
        let now = ann.get(&format!("/api/payments/{}", id(&payment))).await.expect(200);
        assert!(["CONFIRMING", "SUCCEEDED"].contains(&now["status"].as_str().unwrap()), "{now}");
        now["booking_id"].as_str().map(str::to_owned)
    })
    .await;
    let answer = ann.post_with(("idempotency-key", "slow"), &confirm, YES).await.expect(200);
    assert_eq!(answer["booking"]["id"], booked, "a 202 is not stored");
    assert_eq!(screening.taken(&bob).await, ["A1:BOOKED"]);
    app.finish().await;
}

#[tokio::test]
async fn confirm_does_not_wait_for_a_slow_capture() {
    // The provider takes 2.6 s to authorise and as long to capture: together more than a response waits.
    let app = TestApp::with(&["--mock-payment=answer_delay=2600ms,callback=never"]).await;
    let ann = app.sign_in("ann").await;
    let screening = app.screening("ssss").await;
    let payment = pending(&ann, &screening, "A1").await;
    let answer = ann.confirm(id(&payment), "success").await.expect(200);
    assert_eq!(answer["payment"]["status"], "SUCCEEDED");
    assert_eq!(answer["booking"]["id"], answer["payment"]["booking_id"]);
    app.finish().await;
}

#[tokio::test]
async fn call_is_refused_while_another_one_with_its_idempotency_key_is_in_progress() {
    let app = TestApp::embedded().await;
    let ann = app.sign_in("ann").await;
    let screening = app.screening("ssss").await;
    let payment = pending(&ann, &screening, "A1").await;
    let confirm = path(&payment);
    // Simulates that the first call is still running on another server.
    let id = |text: &str| Uuid::parse_str(text).unwrap().as_bytes().to_vec();
    let sql = "INSERT INTO reservations (person_id, call, key, body_hash, subject, created_at, lease_until) \
         VALUES (?1, ?2, 'slow', ?3, ?4, ?5, ?5 + 60000)";
    let (hash, now_ms) = (Sha256::digest(YES).to_vec(), now().as_millisecond());
    let row = (id(&ann.id), format!("POST {confirm}"), hash, id(NOBODY), now_ms);
    app.store().execute(sql, row).unwrap();
    let (second, other_key) = tokio::join!(ann.post_with(("idempotency-key", "slow"), &confirm, YES), async {
        let other = ann.post_with(("idempotency-key", "slow"), &confirm, NO).await;
        other.refused(422, "idempotency_key_reused");
        ann.post_with(("idempotency-key", "quick"), &confirm, YES).await
    });
    second.refused(409, "in_progress");
    assert_eq!(other_key.status, 200, "{}", other_key.text);
    // The 409 is not stored: once the lease of the first call has expired, the same request is served.
    app.store().execute("UPDATE reservations SET lease_until = 0 WHERE key = 'slow'", []).unwrap();
    let served = ann.post_with(("idempotency-key", "slow"), &confirm, YES).await;
    assert_eq!((served.status, &served.text), (200, &other_key.text));
    app.finish().await;
}
