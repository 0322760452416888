//! Redis, MongoDB or Kafka dies or freezes during sales and works again: no seat is sold twice, no acknowledged call is
//! lost, and viewers recover.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::support::{Cluster, Parts, TestApp, TestPerson, TestScreening, Viewer, eventually};

/// Time limit of a lock call while the lock store is unavailable.
const REFUSED_WITHIN: Duration = Duration::from_secs(1);
/// Added to time limits because the machine may be busy.
const SLACK: Duration = Duration::from_secs(4);

/// Time within which viewers must have the correct seat map again after a fault has ended.
const RIGHT_AGAIN_WITHIN: Duration = Duration::from_secs(2);

async fn start(cluster: Cluster) -> (TestApp, TestScreening, TestPerson, TestPerson) {
    let app = TestApp::on(Arc::new(Parts::of(cluster)), &[]).await.with_admin().await;
    let screening = app.screening("ssssssss").await;
    let (ann, bob) = (app.sign_in("ann").await, app.sign_in("bob").await);
    (app, screening, ann, bob)
}

/// Waits until a viewer sees this status of a seat, after a fault that ended at `end`.
pub(crate) async fn right_again(viewer: &mut Viewer, end: Instant, seat: &str, status: &str) {
    viewer.until(seat, status).await;
    eprintln!("viewers recovered {:?} after the fault", end.elapsed());
    assert!(end.elapsed() < RIGHT_AGAIN_WITHIN + SLACK, "{:?}", end.elapsed());
}

/// Waits until seats can be locked again, by trying to lock these seats.
pub(crate) async fn can_lock_again(person: &TestPerson, screening: &TestScreening, seats: &[&str]) {
    eventually("seats can be locked again", || async {
        let answer = person.lock(screening, seats).await;
        assert!(matches!(answer.status, 200 | 503), "{}", answer.text);
        (answer.status == 200).then_some(())
    })
    .await;
}

async fn is_refused_in_time(person: &TestPerson, screening: &TestScreening, seat: &str) {
    let asked = Instant::now();
    let refused = person.lock(screening, &[seat]).await;
    assert!(refused.headers.contains_key("retry-after"), "{}", refused.text);
    refused.refused(503, "try_again");
    assert!(asked.elapsed() < REFUSED_WITHIN + SLACK, "{:?}", asked.elapsed());
}

/// Redis is killed and restarts empty, without the locks and sales that it contained.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sales_and_viewers_recover_when_redis_is_killed_and_returns_empty() {
    let (app, screening, ann, bob) = start(Cluster::start().await).await;
    let mut viewer = Viewer::join(&app, &screening).await;
    bob.buy(&screening, &["A1"]).await;
    ann.lock(&screening, &["A2"]).await.expect(200);
    let payment = ann.start_payment(&screening).await.expect(201);
    viewer.until("A2", "LOCKED").await;

    let mut redis = app.cluster().redis.lock().await;
    redis.process.kill().await;
    is_refused_in_time(&bob, &screening, "A3").await;
    app.get("/api/movies").await.expect(200);
    let sold = ann.confirm(payment["id"].as_str().unwrap(), "success").await.expect(200);
    assert_eq!(sold["booking"]["seats"][0]["id"], "A2", "a claim needs no Redis");
    redis.restart().await;
    drop(redis);
    let back = Instant::now();

    right_again(&mut viewer, back, "A2", "BOOKED").await;
    can_lock_again(&bob, &screening, &["A3"]).await;
    for sold in ["A1", "A2"] {
        ann.lock(&screening, &[sold]).await.refused(409, "seat_taken");
    }
    viewer.until("A3", "LOCKED").await;
    assert_eq!(viewer.seats.get("A2").map(String::as_str), Some("BOOKED"));
    assert_eq!(screening.taken(&bob).await, ["A1:BOOKED", "A2:BOOKED", "A3:LOCKED"]);
    bob.unlock(&screening, &["A3"]).await.expect(200);
    app.finish().await;
}

/// Redis is emptied while it runs, including its functions.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn taken_seats_are_not_locked_again_when_redis_is_emptied() {
    let (app, screening, ann, bob) = start(Cluster::start().await).await;
    let mut viewer = Viewer::join(&app, &screening).await;
    bob.buy(&screening, &["A1"]).await;
    ann.lock(&screening, &["A2", "A3"]).await.expect(200);
    ann.start_payment(&screening).await.expect(201);
    viewer.until("A3", "LOCKED").await;

    let redis = app.cluster().redis.lock().await;
    redis.cli(&["FLUSHALL"]).await;
    redis.cli(&["FUNCTION", "FLUSH"]).await;
    drop(redis);
    let emptied = Instant::now();

    can_lock_again(&bob, &screening, &["A4"]).await;
    right_again(&mut viewer, emptied, "A4", "LOCKED").await;
    for taken in ["A1", "A2", "A3"] {
        bob.lock(&screening, &[taken]).await.refused(409, "seat_taken");
    }
    assert_eq!(screening.taken(&bob).await, ["A1:BOOKED", "A2:LOCKED", "A3:LOCKED", "A4:LOCKED"]);
    let payment = ann.hold(&screening).await["payment_id"].clone();
    ann.confirm(payment.as_str().expect("a claim is a payment lock again"), "success").await.expect(200);
    bob.unlock(&screening, &["A4"]).await.expect(200);
    app.finish().await;
}

/// Redis is out of memory: new locks fail, existing ones remain, and seats can still be released.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_without_memory_refuses_locks_and_accepts_releases() {
    let (app, screening, ann, bob) = start(Cluster::start().await).await;
    ann.lock(&screening, &["A1", "A2"]).await.expect(200);
    let set = |bytes: &'static str| {
        let app = &app;
        async move { app.cluster().redis.lock().await.cli(&["CONFIG", "SET", "maxmemory", bytes]).await }
    };
    set("1").await;
    is_refused_in_time(&bob, &screening, "A3").await;
    ann.unlock(&screening, &["A1"]).await.expect(200);
    set("0").await;
    can_lock_again(&bob, &screening, &["A1"]).await;
    assert_eq!(ann.hold(&screening).await["seat_ids"], json!(["A2"]));
    app.finish().await;
}

/// Redis is frozen. When it is resumed, calls from before are still in its socket buffers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frozen_redis_refuses_locks_in_time_and_has_not_run_them_when_it_is_resumed() {
    let (app, screening, ann, bob) = start(Cluster::start().await).await;
    ann.lock(&screening, &["A1"]).await.expect(200);
    let mut viewer = Viewer::join(&app, &screening).await;
    app.cluster().redis.lock().await.process.freeze().await;
    for seat in ["A2", "A3", "A4"] {
        is_refused_in_time(&bob, &screening, seat).await;
    }
    app.cluster().redis.lock().await.process.thaw().await;
    let thawed = Instant::now();
    can_lock_again(&bob, &screening, &["A5"]).await;
    right_again(&mut viewer, thawed, "A5", "LOCKED").await;
    assert_eq!(bob.hold(&screening).await["seat_ids"], json!(["A5"]), "refused calls had no later effect");
    assert_eq!(ann.hold(&screening).await["seat_ids"], json!(["A1"]));
    app.finish().await;
}

/// MongoDB is killed (kill -9) during sales.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_sales_survive_when_mongodb_is_killed() {
    let (app, screening, ann, bob) = start(Cluster::start().await.with_own_mongodb().await).await;
    let booking = ann.buy(&screening, &["A1"]).await;
    bob.lock(&screening, &["A2"]).await.expect(200);
    let payment = bob.start_payment(&screening).await.expect(201);

    let mut mongodb = app.cluster().own_mongodb().lock().await;
    mongodb.process().kill().await;
    ann.lock(&screening, &["A3"]).await.expect(200);
    ann.start_payment(&screening).await.refused(503, "try_again");
    mongodb.restart().await;
    drop(mongodb);

    let found = eventually("the store is back", || async {
        let answer = ann.get(&format!("/api/bookings/{}", booking["id"].as_str().unwrap())).await;
        (answer.status == 200).then_some(answer.body)
    })
    .await;
    assert_eq!(found["code"], booking["code"]);
    let confirm = format!("/api/payments/{}/confirm", payment["id"].as_str().unwrap());
    eventually("the payment is confirmed", || async {
        let answer = bob.post(&confirm, json!({"outcome": "success"})).await;
        (answer.status == 200).then_some(())
    })
    .await;
    assert_eq!(screening.taken(&ann).await, ["A1:BOOKED", "A2:BOOKED", "A3:LOCKED"]);
    ann.unlock(&screening, &["A3"]).await.expect(200);
    app.finish().await;
}

/// Kafka is down during sales. `finish` checks that all events and mails arrive in the end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_kafka_delays_mails_but_not_bookings() {
    let (app, screening, ann, bob) = start(Cluster::start().await.with_own_kafka().await).await;
    ann.buy(&screening, &["A1"]).await;
    let mails = || async { app.admin().list_all("/api/admin/mail").await.len() };
    eventually("the mail is queued", || async { (mails().await == 1).then_some(()) }).await;

    let mut kafka = app.cluster().own_kafka().lock().await;
    kafka.kill().await;
    for (person, seat) in [(&bob, "A2"), (&ann, "A3"), (&bob, "A4")] {
        person.buy(&screening, &[seat]).await;
    }
    app.get("/readyz").await.expect(200);
    kafka.restart().await;
    drop(kafka);

    eventually("the others follow", || async { (mails().await == 4).then_some(()) }).await;
    app.finish().await;
}
