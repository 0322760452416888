//! The network between servers and their parts is slow, cut, or loses what was sent; a server stands still, or its clock is
//! wrong. The same seed is the same weather.

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

/// How often the weather changes, and how many clicks there are in each.
const WEATHERS: usize = 12;
const CLICKS: usize = 15;
/// By how much each piece of what MongoDB is asked and answers is late, at most.
const SLOW_BY: Duration = Duration::from_millis(700);

/// Two servers on the same parts; the second reaches Redis through a wire of its own.
async fn one_beside_and_one_behind_a_wire(seed: u64) -> (TestApp, TestApp, Proxy) {
    let parts = Arc::new(Parts::of(Cluster::start().await));
    let redis = parts.cluster().redis.lock().await.address();
    let wire = Proxy::start(redis.parse().unwrap(), seed).await;
    let one = TestApp::on(Arc::clone(&parts), &[]).await.with_admin().await;
    let behind = format!("--locks-url=redis://127.0.0.1:{}", wire.port());
    let two = TestApp::on(parts, &[&behind]).await;
    (one, two, wire)
}

/// Fault 35 and all other weathers: seats are locked and let go at one server; what people see at the other, whose messages
/// are late or lost, is right again when the weather is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn viewers_behind_a_bad_wire_are_right_again_when_it_is_good() {
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
            assert_eq!(answer.status, 200, "the other server has nothing to do with that wire: {}", answer.text);
            ann.unlock(&screening, &[&seat]).await.expect(200);
        }
        // What shows that the viewer has seen everything.
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

/// The server that moves the events has lost Redis; its neighbour tells what was released there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn releases_are_told_beside_a_server_that_has_lost_redis() {
    let (one, two, wire) = one_beside_and_one_behind_a_wire(1).await;
    let screening = one.screening("ssss").await;
    let ann = one.sign_in("ann").await;
    let boss = one.admin().at(&two);
    let is_logged = async |kind: &str, actor: &str| {
        let events = boss.list_all(&format!("/api/admin/audit?type={kind}&actor={actor}")).await;
        (!events.is_empty()).then_some(())
    };
    // While the first stands still the second takes the lease.
    one.freeze().await;
    let bob = two.sign_in("bob").await;
    eventually("the second moves events", || is_logged("AUDIT_LOG", &bob.id)).await;
    wire.set(Weather::Cut);
    one.thaw().await;

    ann.lock(&screening, &["A1"]).await.expect(200);
    ann.unlock(&screening, &["A1"]).await.expect(200);
    eventually("the release is told", || is_logged("SEAT_RELEASED", &ann.id)).await;
    wire.set(Weather::Fair);
    two.finish().await;
    one.finish().await;
}

/// Fault 26: MongoDB answers nothing, and then late. Seats are held all the same; payments wait, and end well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_mongodb_slows_payments_and_no_lock() {
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

/// Starts a payment, with one key however often it is asked for. Answers its id.
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

/// Fault 27: a server stands still in the middle of a confirmation, another finishes it, and then the first goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_server_that_goes_on_sells_nothing_again() {
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
    eventually("it is being confirmed", || async { (status().await == "CONFIRMING").then_some(()) }).await;
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

/// Fault 28: one server's clock is an hour ahead. Locks go by Redis's clock and claims by MongoDB's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_an_hour_off_ends_nobodys_time() {
    let parts = Arc::new(Parts::of(Cluster::start().await));
    // Kafka's client waits for an hour where its clock is told to be wrong in this way.
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
    assert!(left.as_mins() < 6, "five minutes: {left}");
    // The other server's workers have gone round when the sale of somebody else is in the log.
    bob.at(&two).buy(&screening, &["A3"]).await;
    let sold = elsewhere.confirm(id, "success").await.expect(200);
    let created: jiff::Timestamp = sold["booking"]["created_at"].as_str().unwrap().parse().unwrap();
    assert!(created.duration_since(now()).as_mins().abs() < 6, "{created}");
    two.finish().await;
    one.finish().await;
}
