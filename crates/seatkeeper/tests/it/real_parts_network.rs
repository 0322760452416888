//! The network between servers and services is slow, cut or lossy, a server is suspended, or its clock is wrong. The
//! faults of the network are reproducible: the same seed gives the same sequence.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use rand::{Rng, SeedableRng, rngs::StdRng};
use reqwest::Method;
use seatkeeper_testbed::{Direction, Proxy, Weather};
use serde_json::json;

use crate::{
    real_parts_faults::{can_lock_again, right_again},
    support::{Cluster, Parts, TestApp, TestPerson, TestScreening, Viewer, eventually, now},
};

/// How often the state of the network changes; also the number of locks and releases in each state.
const WEATHERS: usize = 12;
const CLICKS: usize = 15;
/// Longest delay of each piece of traffic to and from MongoDB.
const SLOW_BY: Duration = Duration::from_millis(700);

/// Starts two servers on the same services. The second one reaches Redis through a proxy.
async fn one_beside_and_one_behind_a_wire(seed: u64) -> (TestApp, TestApp, Proxy) {
    let parts = Arc::new(Parts::of(Cluster::start().await));
    let redis = parts.cluster().redis.lock().await.address();
    let wire = Proxy::start(redis.parse().unwrap(), seed).await;
    let one = TestApp::on(Arc::clone(&parts), &[]).await.with_admin().await;
    let behind = format!("--locks-url=redis://127.0.0.1:{}", wire.port());
    let two = TestApp::on(parts, &[&behind]).await;
    (one, two, wire)
}

/// Seats are locked and released on one server. The network between Redis and the other server loses or delays the
/// messages about it; the viewers of the other server have the correct seat map again when the network has recovered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn viewers_recover_when_the_network_to_redis_recovers() {
    const SEED: u64 = 35;
    let (one, two, wire) = one_beside_and_one_behind_a_wire(SEED).await;
    let screening = one.screening("ssssssss").await;
    let ann = one.sign_in("ann").await;
    let mut viewer = Viewer::join(&two, &screening).await;
    let mut dice = StdRng::seed_from_u64(SEED);
    for _ in 0..WEATHERS {
        let (direction, after_bytes_max) = (Direction::ToClient, dice.random_range(1..4_000));
        wire.set(match dice.random_range(0..4) {
            0 => Weather::Cut,
            1 => Weather::BlackHole,
            2 => Weather::Delay { up_to: Duration::from_millis(dice.random_range(10..800)) },
            _ => Weather::LoseRest { direction, after_bytes_max },
        });
        for _ in 0..CLICKS {
            let seat = format!("A{}", dice.random_range(1..=7));
            let answer = ann.lock(&screening, &[&seat]).await;
            assert_eq!(answer.status, 200, "the first server does not use the proxy: {}", answer.text);
            ann.unlock(&screening, &[&seat]).await.expect(200);
        }
        // One more change at the end: a viewer that has received it has received all others.
        let mark = if viewer.seats.contains_key("A8") { "AVAILABLE" } else { "LOCKED" };
        match mark {
            "LOCKED" => ann.lock(&screening, &["A8"]).await.expect(200),
            _ => ann.unlock(&screening, &["A8"]).await.expect(200),
        };
        wire.set(Weather::Fair);
        let good = Instant::now();
        right_again(&mut viewer, good, "A8", mark).await;
        let expected = if mark == "LOCKED" { vec!["A8"] } else { vec![] };
        assert_eq!(viewer.seats.keys().collect::<Vec<_>>(), expected);
    }
    let bob = two.sign_in("bob").await;
    can_lock_again(&bob, &screening, &["A1"]).await;
    one.finish().await;
    two.finish().await;
}

/// The server that holds the relay's lease cannot reach Redis any more, so the other server publishes the releases.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn releases_are_published_when_the_relaying_server_has_lost_redis() {
    let (one, two, wire) = one_beside_and_one_behind_a_wire(1).await;
    let screening = one.screening("ssss").await;
    let ann = one.sign_in("ann").await;
    let boss = one.admin().at(&two);
    let is_logged = async |kind: &str, actor: &str| {
        let events = boss.list_all(&format!("/api/admin/audit?type={kind}&actor={actor}")).await;
        (!events.is_empty()).then_some(())
    };
    // While the first server is suspended, the second one takes the lease.
    one.freeze().await;
    let bob = two.sign_in("bob").await;
    eventually("the second server relays events", || is_logged("AUDIT_LOG", &bob.id)).await;
    wire.set(Weather::Cut);
    one.thaw().await;

    ann.lock(&screening, &["A1"]).await.expect(200);
    ann.unlock(&screening, &["A1"]).await.expect(200);
    eventually("the release is in the audit log", || is_logged("SEAT_RELEASED", &ann.id)).await;
    wire.set(Weather::Fair);
    two.finish().await;
    one.finish().await;
}

/// MongoDB does not answer, and later it answers slowly. Locks work; payments take longer but succeed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_mongodb_delays_payments_but_not_locks() {
    let cluster = Cluster::start().await.with_own_mongodb().await;
    let address = cluster.own_mongodb().lock().await.address();
    let wire = Proxy::start(address.parse().unwrap(), 26).await;
    let behind = cluster.mongodb.replace(&address, &format!("127.0.0.1:{}", wire.port()));
    let flag = format!("--store-url={behind}");
    let app = TestApp::on(Arc::new(Parts::of(cluster)), &[&flag]).await.with_admin().await;
    let screening = app.screening("ssss").await;
    let (ann, bob) = (app.sign_in("ann").await, app.sign_in("bob").await);
    ann.lock(&screening, &["A1"]).await.expect(200);
    bob.hold(&screening).await;

    wire.set(Weather::BlackHole);
    bob.lock(&screening, &["A2"]).await.expect(200);
    wire.set(Weather::Delay { up_to: SLOW_BY });
    for (person, seat) in [(&ann, "A1"), (&bob, "A2")] {
        let payment = with_patience(person, "/api/payments", &screening).await;
        let confirm = format!("/api/payments/{payment}/confirm");
        eventually("it is sold", || async {
            let answer = person.post(&confirm, json!({"outcome": "success"})).await;
            assert!(matches!(answer.status, 200 | 202 | 503), "{}", answer.text);
            (answer.status == 200).then_some(())
        })
        .await;
        assert!(screening.taken(&ann).await.contains(&format!("{seat}:BOOKED")));
    }
    wire.set(Weather::Fair);
    app.finish().await;
}

/// Starts a payment, and repeats the call with the same idempotency key until it succeeds. Returns the payment's id.
async fn with_patience(person: &TestPerson, path: &str, screening: &TestScreening) -> String {
    let body = json!({"screening_id": screening.id, "method": "mock_card"}).to_string();
    let started = eventually("the payment is started", || async {
        let answer = person.post_with(("idempotency-key", "once"), path, &body).await;
        assert!(matches!(answer.status, 201 | 409 | 503), "{}", answer.text);
        (answer.status == 201).then_some(answer.body)
    })
    .await;
    started["id"].as_str().unwrap().to_owned()
}

/// A server is suspended in the middle of a confirmation, another server finishes the payment, and then the first
/// server is resumed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn payment_sells_once_when_its_suspended_server_resumes_after_another_server_finished_it() {
    let parts = Arc::new(Parts::of(Cluster::start().await));
    let slow = ["--mock-payment=answer_delay=2s,callback=never"];
    let one = TestApp::on(Arc::clone(&parts), &slow).await.with_admin().await;
    let two = TestApp::on(parts, &slow).await;
    let screening = one.screening("ssss").await;
    let ann = one.sign_in("ann").await;
    let elsewhere = ann.at(&two);
    ann.lock(&screening, &["A1"]).await.expect(200);
    let payment = ann.start_payment(&screening).await.expect(201);
    let path = format!("/api/payments/{}", payment["id"].as_str().unwrap());
    let confirm = {
        let request = ann.request(Method::POST, &format!("{path}/confirm")).json(&json!({"outcome": "success"}));
        tokio::spawn(async move { request.send().await.unwrap().status().as_u16() })
    };
    let status = async || elsewhere.get(&path).await.expect(200)["status"].clone();
    eventually("the payment is confirming", || async { (status().await == "CONFIRMING").then_some(()) }).await;
    one.freeze().await;
    eventually("the other server sells", || async { (status().await == "SUCCEEDED").then_some(()) }).await;
    one.thaw().await;
    assert!(matches!(confirm.await.unwrap(), 200 | 202 | 503));
    let again = ann.confirm(payment["id"].as_str().unwrap(), "success").await.expect(200);
    let booking = elsewhere.get("/api/bookings").await.expect(200)["items"].clone();
    assert_eq!(booking, json!([again["booking"]]), "one sale");
    one.finish().await;
    two.finish().await;
}

/// The clock of one server is an hour ahead. Locks expire by the clock of Redis, and claims by that of MongoDB.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_clock_of_one_server_makes_no_lock_or_payment_expire() {
    let parts = Arc::new(Parts::of(Cluster::start().await));
    // Without Kafka, because its client would block for an hour when the clock is faked in this way.
    let events = ["--events-url=embedded:"];
    let one = TestApp::on(Arc::clone(&parts), &events).await.with_admin().await;
    let two = TestApp::on_with_clock(parts, &events, Some("+3600s")).await;
    let screening = one.screening("ssss").await;
    let (ann, bob) = (one.sign_in("ann").await, two.sign_in("bob").await);
    ann.lock(&screening, &["A1"]).await.expect(200);
    let payment = ann.start_payment(&screening).await.expect(201);
    let id = payment["id"].as_str().unwrap();

    let elsewhere = ann.at(&two);
    let seen = elsewhere.get(&format!("/api/payments/{id}")).await.expect(200);
    assert_eq!((&seen["status"], &seen["expires_at"]), (&json!("PENDING"), &payment["expires_at"]));
    bob.lock(&screening, &["A1"]).await.refused(409, "seat_taken");
    let held = bob.lock(&screening, &["A2"]).await.expect(200);
    let ends: jiff::Timestamp = held["expires_at"].as_str().unwrap().parse().unwrap();
    let left = ends.duration_since(now());
    assert!(left.as_mins() < 6, "the lock lasts five minutes: {left}");
    // When this sale is in the event log, the workers of the server with the wrong clock have completed a round.
    bob.at(&two).buy(&screening, &["A3"]).await;
    let sold = elsewhere.confirm(id, "success").await.expect(200);
    let created: jiff::Timestamp = sold["booking"]["created_at"].as_str().unwrap().parse().unwrap();
    assert!(created.duration_since(now()).as_mins().abs() < 6, "{created}");
    two.finish().await;
    one.finish().await;
}
