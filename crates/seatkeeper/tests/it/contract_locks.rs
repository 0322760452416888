//! `/api/lock`: locking seats, releasing them, and reading the person's hold.

use jiff::{SignedDuration, Timestamp};
use seatkeeper_core::ports::whole_ms;
use serde_json::{Value, json};

use crate::support::{TestApp, TestPerson, TestScreening, Viewer, eventually, invalid_field, now};

const NOBODY: &str = "00000000-0000-0000-0000-000000000001";

async fn post(person: &TestPerson, body: Value) -> crate::support::Answer {
    person.post("/api/lock", body).await
}

fn time(value: &Value) -> Timestamp {
    value.as_str().unwrap_or_else(|| panic!("{value}")).parse().unwrap()
}

/// The server's clock, from the `Date` header.
fn date(answer: &crate::support::Answer) -> Timestamp {
    jiff::fmt::rfc2822::parse(answer.header("date")).unwrap().timestamp()
}

/// Removes `seq`, which must exist, from a hold.
pub(crate) fn without_seq(mut hold: Value) -> Value {
    let seq = hold.as_object_mut().unwrap().remove("seq");
    assert!(seq.is_some_and(|seq| seq.is_i64()), "{hold}");
    hold
}

#[tokio::test]
async fn all_seats_of_a_call_are_locked_or_none_and_repeating_the_call_does_not_extend_locks() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.sign_in("ann").await, app.sign_in("bob").await);
    let screening = app.screening("ssssssss/ssssssss").await;
    let nothing = json!({
        "screening_id": screening.id, "seat_ids": [], "seats": [], "expires_at": null, "payment_id": null,
    });
    assert_eq!(without_seq(ann.hold(&screening).await), nothing);
    let before = whole_ms(now());
    let answer = ann.lock(&screening, &["A2", "A1", "A2"]).await;
    let (after, told_at) = (now(), date(&answer));
    let hold = answer.expect(200);
    assert_eq!(hold["seat_ids"], json!(["A1", "A2"]), "sorted and without duplicates");
    let until = &hold["expires_at"];
    let expected = json!({
        "screening_id": screening.id, "seat_ids": ["A1", "A2"], "expires_at": until, "payment_id": null,
        "seats": [{"id": "A1", "expires_at": until}, {"id": "A2", "expires_at": until}],
    });
    assert_eq!(without_seq(hold.clone()), expected);
    // The lock store uses the clock of this machine. The lock began between the request and the response, and lasts
    // five minutes.
    let locked_at = time(until) - SignedDuration::from_mins(5);
    assert!(before <= locked_at && locked_at <= after, "{before} {locked_at} {after}");
    // `Date` is rounded down to the second. It also lies between the request and the response.
    let told_until = told_at + SignedDuration::from_secs(1);
    assert!(before < told_until && told_at <= after, "{before} {told_at} {after}");

    // Locking seats that the person already holds does not extend their locks.
    let more = eventually("the clock has moved", || async {
        ann.unlock(&screening, &["A3"]).await.expect(200);
        let more = ann.lock(&screening, &["A1", "A3"]).await.expect(200);
        (time(&more["seats"][2]["expires_at"]) > time(until)).then_some(more)
    })
    .await;
    assert_eq!(more["seat_ids"], json!(["A1", "A2", "A3"]));
    assert_eq!(more["expires_at"], *until, "the hold's expiry is its earliest one");
    assert_eq!((&more["seats"][0], &more["seats"][1]), (&hold["seats"][0], &hold["seats"][1]));
    assert_eq!(ann.hold(&screening).await, more);

    // When another person holds one of the seats, none of them is locked.
    let refusal = bob.lock(&screening, &["B1", "A3", "A1"]).await.refused(409, "seat_taken");
    assert_eq!(refusal["seat_ids"], json!(["A1", "A3"]));
    assert_eq!(bob.hold(&screening).await["seat_ids"], json!([]));
    bob.lock(&screening, &["B1"]).await.expect(200);

    // A release applies only to the person's own locks. Other seats and unknown seats are ignored.
    let left = ann.unlock(&screening, &["A1", "B1", "Z9", "nonsense"]).await.expect(200);
    assert_eq!(left["seat_ids"], json!(["A2", "A3"]));
    assert_eq!(screening.taken(&ann).await, ["A2:LOCKED", "A3:LOCKED", "B1:LOCKED"]);
    let query = format!("/api/lock?screening_id={}&seat_ids=A2,B1", screening.id);
    assert_eq!(ann.delete(&query).await.expect(200)["seat_ids"], json!(["A3"]));
    let none = ann.unlock(&screening, &[]).await.expect(200);
    assert_eq!(none["seat_ids"], json!(["A3"]), "an empty list means no seats, not all");
    ann.lock(&screening, &["A4"]).await.expect(200);
    let all_gone = ann.delete(&format!("/api/lock?screening_id={}", screening.id)).await.expect(200);
    assert_eq!(without_seq(all_gone), nothing);
    ann.lock(&screening, &["A4"]).await.expect(200);
    let all = ann.request(reqwest::Method::DELETE, "/api/lock").json(&json!({"screening_id": screening.id}));
    assert_eq!(without_seq(ann.send(all).await.expect(200)), nothing);
    assert_eq!(bob.hold(&screening).await["seat_ids"], json!(["B1"]));
    app.finish().await;
}

#[tokio::test]
async fn lock_call_selects_the_screening_by_id_or_by_film_and_start_time() {
    let app = TestApp::start().await;
    let (admin, ann) = (app.admin(), app.sign_in("ann").await);
    let screening = app.screening("ss").await;
    let start: Timestamp = screening.start_time.parse().unwrap();
    let elsewhere = start.to_zoned_datetime(jiff::tz::TimeZone::get("Asia/Bangkok").unwrap());
    let elsewhere = elsewhere.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
    for start in [screening.start_time.clone(), elsewhere.clone()] {
        let body = json!({"movie_id": screening.movie_id, "start_time": start, "seat_ids": ["A1"]});
        assert_eq!(post(&ann, body).await.expect(200)["screening_id"], screening.id);
    }
    let show = format!("movie_id={}&start_time={}", screening.movie_id, elsewhere.replace('+', "%2B"));
    assert_eq!(ann.get(&format!("/api/lock?{show}")).await.expect(200)["seat_ids"], json!(["A1"]));
    assert_eq!(ann.delete(&format!("/api/lock?{show}&seat_ids=A1")).await.expect(200)["seat_ids"], json!([]));

    // With a second screening of the film at the same time in another hall, the selector by film and start is
    // ambiguous.
    let hall = admin.get(&format!("/api/admin/halls/{}", screening.hall_id)).await.expect(200);
    let twin = admin.post("/api/admin/halls", json!({"name": "Twin", "layout": hall["layout"]})).await.expect(201);
    let second = json!({
        "movie_id": screening.movie_id, "hall_id": twin["id"], "start_time": screening.start_time,
        "prices": {"standard": {"amount": 100, "currency": "THB"}},
    });
    let second = admin.post("/api/admin/screenings", second).await.expect(201);
    let body = json!({"movie_id": screening.movie_id, "start_time": screening.start_time, "seat_ids": ["A1"]});
    let mut both = vec![json!(screening.id), second["id"].clone()];
    both.sort_by_key(ToString::to_string);
    let paying = json!({"movie_id": screening.movie_id, "start_time": screening.start_time, "method": "mock_card"});
    for answer in [
        post(&ann, body.clone()).await,
        ann.get(&format!("/api/lock?{show}")).await,
        ann.delete(&format!("/api/lock?{show}")).await,
        ann.post("/api/payments", paying).await,
    ] {
        let mut named = answer.refused(409, "ambiguous_screening")["screening_ids"].as_array().unwrap().clone();
        named.sort_by_key(ToString::to_string);
        assert_eq!(named, both);
    }
    let other = json!({"movie_id": NOBODY, "start_time": screening.start_time, "seat_ids": ["A1"]});
    post(&ann, other).await.refused(404, "screening_not_found");
    app.finish().await;
}

#[tokio::test]
async fn checks_of_a_lock_call_are_applied_in_the_documented_order() {
    let app = TestApp::with(&["--seats-per-person=2"]).await;
    let (ann, bob) = (app.sign_in("ann").await, app.sign_in("bob").await);
    let screening = app.screening("ssssss/ssx").await;
    let lock = |person: &TestPerson, body: Value| {
        let person = person.clone();
        async move { post(&person, body).await }
    };
    let id = &screening.id;
    // 422 `invalid` is checked before 404.
    for (body, field) in [
        (json!({"screening_id": id}), "seat_ids"),
        (json!({"screening_id": id, "seat_ids": []}), "seat_ids"),
        (json!({"screening_id": id, "seat_ids": "A1"}), "seat_ids"),
        (json!({"screening_id": id, "seat_ids": [1]}), "seat_ids[0]"),
        (json!({"screening_id": 7, "seat_ids": ["A1"]}), "screening_id"),
        (json!({"seat_ids": ["A1"]}), "screening_id"),
        (json!({"movie_id": NOBODY, "seat_ids": ["A1"]}), "start_time"),
        (json!({"start_time": screening.start_time, "seat_ids": ["A1"]}), "movie_id"),
        (json!({"movie_id": NOBODY, "start_time": "noon", "seat_ids": ["A1"]}), "start_time"),
    ] {
        assert_eq!(invalid_field(lock(&ann, body.clone()).await), field, "{body}");
    }
    for unknown in [NOBODY, "nonsense", ""] {
        lock(&ann, json!({"screening_id": unknown, "seat_ids": ["Z9"]})).await.refused(404, "screening_not_found");
        ann.get(&format!("/api/lock?screening_id={unknown}")).await.refused(404, "screening_not_found");
        ann.delete(&format!("/api/lock?screening_id={unknown}")).await.refused(404, "screening_not_found");
    }
    assert_eq!(invalid_field(ann.get("/api/lock").await), "screening_id");
    assert_eq!(invalid_field(ann.delete("/api/lock").await), "screening_id");
    // The query is not used when there is a body, but an invalid query is still refused.
    let both = ann.request(reqwest::Method::DELETE, "/api/lock?start_time=noon");
    let both = both.json(&json!({"screening_id": screening.id, "seat_ids": ["A1"]}));
    assert_eq!(invalid_field(ann.send(both).await), "start_time");

    ann.lock(&screening, &["A1"]).await.expect(200);
    ann.buy(&screening, &["A1"]).await;
    bob.lock(&screening, &["A2"]).await.expect(200);
    // `unknown_seat` is checked before `too_many_seats`, and that before `seat_taken`. Sold, locked and blocked seats
    // are all taken.
    let unknown = ann.lock(&screening, &["A3", "A4", "A5", "Z9", "a3", "A03"]).await.refused(422, "unknown_seat");
    assert_eq!(unknown["seat_ids"], json!(["Z9", "a3", "A03"]));
    let refused = ann.lock(&screening, &["A1", "A2", "B3"]).await.refused(422, "too_many_seats");
    assert_eq!(refused["seats_max"], 2);
    let taken = ann.lock(&screening, &["A1", "B3"]).await.refused(409, "seat_taken");
    assert_eq!(taken["seat_ids"], json!(["A1", "B3"]));
    let taken = ann.lock(&screening, &["A2", "A3"]).await.refused(409, "seat_taken");
    assert_eq!(taken["seat_ids"], json!(["A2"]));
    // Bought seats do not count towards the limit of seats. Held seats do, also when the call repeats them.
    ann.lock(&screening, &["A3"]).await.expect(200);
    ann.lock(&screening, &["A3", "A4"]).await.expect(200);
    ann.lock(&screening, &["A5"]).await.refused(422, "too_many_seats");
    ann.lock(&screening, &["A3", "A4"]).await.expect(200);
    // The limit applies to each screening separately.
    let other = app.screening("ss").await;
    ann.lock(&other, &["A1", "A2"]).await.expect(200);

    // During a payment `unknown_seat` is still checked first; `payment_in_progress` comes before `too_many_seats` and
    // `seat_taken`.
    let payment = ann.start_payment(&screening).await.expect(201);
    ann.lock(&screening, &["Z9"]).await.refused(422, "unknown_seat");
    for answer in [
        ann.lock(&screening, &["A2", "A5", "A6"]).await,
        ann.lock(&screening, &["A3"]).await,
        ann.unlock(&screening, &["A3"]).await,
        ann.delete(&format!("/api/lock?screening_id={id}")).await,
        ann.start_payment(&screening).await,
    ] {
        assert_eq!(answer.refused(409, "payment_in_progress")["payment_id"], payment["id"]);
    }
    assert_eq!(ann.hold(&screening).await["payment_id"], payment["id"]);
    ann.lock(&other, &["A1"]).await.expect(200);
    ann.cancel(payment["id"].as_str().unwrap()).await.expect(200);
    assert_eq!(ann.unlock(&screening, &["A4"]).await.expect(200)["seat_ids"], json!(["A3"]));
    for (method, path) in [("GET", "/api/lock?screening_id=1"), ("POST", "/api/lock"), ("DELETE", "/api/lock")] {
        app.stranger().raw(method, path, &[], "").await.refused(401, "sign_in_required");
    }
    app.finish().await;
}

#[tokio::test]
async fn lock_and_payment_are_refused_after_the_configured_close_of_sales() {
    let app = TestApp::with(&["--sales-close=23h"]).await;
    let ann = app.sign_in("ann").await;
    let closed = app.screening_in("ss", SignedDuration::from_hours(22)).await;
    let open = app.screening("ss").await;
    let detail = app.get(&format!("/api/screenings/{}", closed.id)).await.expect(200);
    let start: Timestamp = closed.start_time.parse().unwrap();
    assert_eq!(time(&detail["sales_close_at"]), start.checked_sub(SignedDuration::from_hours(23)).unwrap());
    ann.lock(&closed, &["Z9"]).await.refused(422, "unknown_seat");
    ann.lock(&closed, &["A1"]).await.refused(409, "sales_closed");
    ann.start_payment(&closed).await.refused(409, "sales_closed");
    ann.hold(&closed).await;
    ann.unlock(&closed, &["A1"]).await.expect(200);
    ann.lock(&open, &["A1"]).await.expect(200);
    app.finish().await;
}

#[tokio::test]
async fn expired_lock_makes_its_seats_available_to_everybody_and_is_published_once() {
    let app = TestApp::with(&["--lock-ttl=1s"]).await;
    let (ann, bob) = (app.sign_in("ann").await, app.sign_in("bob").await);
    let screening = app.screening("sss").await;
    let mut viewer = Viewer::join(&app, &screening).await;
    ann.lock(&screening, &["A1", "A2"]).await.expect(200);
    viewer.until("A2", "LOCKED").await;
    viewer.until("A1", "AVAILABLE").await;
    viewer.until("A2", "AVAILABLE").await;
    assert_eq!(ann.hold(&screening).await["seat_ids"], json!([]));
    assert_eq!(screening.taken(&bob).await, Vec::<String>::new());
    ann.start_payment(&screening).await.refused(409, "nothing_locked");
    bob.lock(&screening, &["A1"]).await.expect(200);
    // The expiry is published once per seat, with its reason.
    let path = "/api/admin/events?type=SEAT_RELEASED&limit=200";
    eventually("the expiry of the locks is an event", || async {
        let events = app.admin().get(path).await.expect(200)["items"].as_array().unwrap().clone();
        let of_ann: Vec<&Value> = events.iter().filter(|event| event["actor"] == json!(ann.id)).collect();
        let seats: Vec<&Value> =
            of_ann.iter().flat_map(|event| event["data"]["seat_ids"].as_array().unwrap()).collect();
        assert!(of_ann.iter().all(|event| event["data"]["reason"] == "expired"), "{of_ann:?}");
        assert!(seats.len() <= 2, "published twice: {of_ann:?}");
        (seats.len() == 2).then_some(())
    })
    .await;
    let held: TestScreening = screening.clone();
    eventually("the other lock has expired too", || async { held.taken(&bob).await.is_empty().then_some(()) }).await;
    app.finish().await;
}
