//! Parts that die, freeze and come back in mid-sale: no seat twice, nothing acknowledged lost, viewers right again.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::support::{Cluster, Parts, TestApp, TestPerson, TestScreening, Viewer, eventually};

/// A lock store that is away is told of within this.
const REFUSED_WITHIN: Duration = Duration::from_secs(1);
/// What a busy machine adds to that.
const SLACK: Duration = Duration::from_secs(4);

async fn start(cluster: Cluster) -> (TestApp, TestScreening, TestPerson, TestPerson) {
    let app = TestApp::on(Arc::new(Parts::of(cluster)), &[]).await.with_admin().await;
    let screening = app.screening("ssssssss").await;
    let (ann, bob) = (app.sign_in("ann").await, app.sign_in("bob").await);
    (app, screening, ann, bob)
}

/// Waits until seats can be held again, by holding these.
async fn can_lock_again(person: &TestPerson, screening: &TestScreening, seats: &[&str]) {
    eventually("seats can be held again", || async {
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

/// Faults 18–20: it comes back empty, without what it had granted and sold.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_killed_in_mid_sale_comes_back_empty() {
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

/// Fault 23: frozen, and thawed with old calls in its sockets.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_frozen_refuses_in_time_and_thaws_without_old_calls() {
    let (app, screening, ann, bob) = start(Cluster::start().await).await;
    ann.lock(&screening, &["A1"]).await.expect(200);
    app.cluster().redis.lock().await.process.freeze().await;
    for seat in ["A2", "A3", "A4"] {
        is_refused_in_time(&bob, &screening, seat).await;
    }
    app.cluster().redis.lock().await.process.thaw().await;
    can_lock_again(&bob, &screening, &["A5"]).await;
    assert_eq!(bob.hold(&screening).await["seat_ids"], json!(["A5"]), "what was refused was not done afterwards");
    assert_eq!(ann.hold(&screening).await["seat_ids"], json!(["A1"]));
    app.finish().await;
}

/// Fault 25: kill -9 of the store in mid-sale.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mongodb_killed_in_mid_sale_has_what_was_acknowledged() {
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
    eventually("the payment goes on", || async {
        let answer = bob.post(&confirm, json!({"outcome": "success"})).await;
        (answer.status == 200).then_some(())
    })
    .await;
    assert_eq!(screening.taken(&ann).await, ["A1:BOOKED", "A2:BOOKED", "A3:LOCKED"]);
    ann.unlock(&screening, &["A3"]).await.expect(200);
    app.finish().await;
}

/// Fault 29: no Kafka while seats are sold. The end of every test looks for the events and mails.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kafka_killed_delays_mails_and_never_bookings() {
    let (app, screening, ann, bob) = start(Cluster::start().await.with_own_kafka().await).await;
    ann.buy(&screening, &["A1"]).await;
    let mails = || async { app.admin().list_all("/api/admin/mail").await.len() };
    eventually("the mail is filed", || async { (mails().await == 1).then_some(()) }).await;

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
