//! Kills the server at random moments (kill -9): acknowledged calls are durable, no seat is sold twice, and no mail is
//! lost.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Instant,
};

use rand::{Rng, SeedableRng, rngs::StdRng};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::{sync::watch, task::JoinSet};

use crate::{
    storms::{all_is_quiet, crowd_turn, every_mail_is_written, sign_in_many},
    support::{TestApp, TestPerson, TestScreening, eventually, eventually_or, is_cluster},
};

const KILLS: u32 = 20;
/// Number of kills when real services are used. Fewer than in embedded mode, because MongoDB keeps the open
/// transactions of the dead server for a minute after each kill.
const KILLS_ON_REAL_PARTS: u32 = 4;
const BUYERS: usize = 24;
/// Number of seats in each of the twenty rows.
const SEATS_IN_ROW: usize = 100;
/// Number of sales before the next kill. What the other buyers are doing at that moment is random.
const SOLD_BETWEEN_KILLS: std::ops::Range<usize> = 1..20;

/// Makes one call to a server that may be dead. Returns `None` when there is no response.
async fn try_call(person: &TestPerson, path: &str, body: Value, key: Option<&str>) -> Option<(u16, Value)> {
    let mut request = person.request(Method::POST, path).json(&body);
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    let response = request.send().await.ok()?;
    let status = response.status().as_u16();
    Some((status, response.json().await.ok()?))
}

/// Repeats a call until the response is final, that is, while the server is down, the call is still in progress, or the
/// outcome is unknown.
async fn call(person: &TestPerson, path: &str, body: &Value, key: Option<&str>) -> (u16, Value) {
    let last = Mutex::new(String::new());
    let answered = eventually_or(
        || format!("{path} is answered; {}", last.lock().unwrap()),
        || async {
            let (status, answer) = try_call(person, path, body.clone(), key).await?;
            *last.lock().unwrap() = format!("{status} {answer}");
            let is_final = !matches!(status, 202 | 503) && answer["code"] != "in_progress";
            is_final.then_some((status, answer))
        },
    );
    answered.await
}

type Acknowledged = Arc<Mutex<BTreeMap<String, Value>>>;

/// Buys one seat after the other until it is stopped. A call without a response is repeated with the same idempotency
/// key.
async fn buy_on(
    person: TestPerson,
    screening: TestScreening,
    told: Acknowledged,
    stop: watch::Receiver<bool>,
    seed: u64,
) {
    let mut dice = StdRng::seed_from_u64(seed);
    for number in 0.. {
        if *stop.borrow() {
            return;
        }
        let seat = format!("{}{}", char::from(b'A' + dice.random_range(0..20u8)), dice.random_range(1..=SEATS_IN_ROW));
        let lock = json!({"screening_id": screening.id, "seat_ids": [seat]});
        let (status, _) = call(&person, "/api/lock", &lock, None).await;
        if status != 200 {
            continue;
        }
        let pay = json!({"screening_id": screening.id, "method": "mock_card"});
        let (status, payment) = call(&person, "/api/payments", &pay, Some(&format!("pay-{number}"))).await;
        assert_eq!(status, 201, "an acknowledged lock is gone: {payment}");
        let confirm = format!("/api/payments/{}/confirm", payment["id"].as_str().unwrap());
        let outcome = json!({"outcome": "success"});
        let (status, sold) = call(&person, &confirm, &outcome, Some("confirm")).await;
        assert_eq!(status, 200, "{sold}");
        let (_, again) = call(&person, &confirm, &outcome, Some("confirm")).await;
        assert_eq!(again["booking"]["id"], sold["booking"]["id"], "a repeated call returns the same booking");
        let booking = sold["booking"].clone();
        told.lock().unwrap().insert(booking["id"].as_str().unwrap().to_owned(), booking);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_bookings_and_locks_survive_twenty_kills_in_a_storm() {
    let _turn = crowd_turn().await;
    let mut app = TestApp::start().await;
    // The hall has far more seats than can be sold between the kills on a fast machine, because a sold-out screening
    // would end the storm.
    let screening = app.screening(&vec!["s".repeat(SEATS_IN_ROW); 20].join("/")).await;
    let buyers = sign_in_many(&app, "buyer", BUYERS).await;
    let keeper = app.sign_in("keeper").await;
    let beside = app.screening("ssss").await;
    keeper.lock(&beside, &["A1", "A2"]).await.expect(200);

    let told: Acknowledged = Arc::default();
    let (stop, stopped) = watch::channel(false);
    let mut storm = JoinSet::new();
    for (seed, buyer) in (0..).zip(buyers) {
        storm.spawn(buy_on(buyer, screening.clone(), Arc::clone(&told), stopped.clone(), seed));
    }
    let mut dice = StdRng::seed_from_u64(7);
    let mut back_after = Vec::new();
    let kills = if is_cluster() { KILLS_ON_REAL_PARTS } else { KILLS };
    for _ in 0..kills {
        let enough = told.lock().unwrap().len() + dice.random_range(SOLD_BETWEEN_KILLS);
        eventually("more is sold", || async { (told.lock().unwrap().len() >= enough).then_some(()) }).await;
        let acknowledged: Vec<String> = told.lock().unwrap().keys().cloned().collect();
        let killed = Instant::now();
        app.kill_and_restart().await;
        eventually("the server answers", || async {
            keeper.request(Method::GET, "/api/site").send().await.ok().map(drop)
        })
        .await;
        back_after.push(killed.elapsed());
        let known = app.admin().list_all("/api/admin/bookings").await;
        for id in acknowledged {
            assert!(known.iter().any(|booking| booking["id"] == *id), "an acknowledged booking is gone: {id}");
        }
        let hold = keeper.hold(&beside).await;
        assert_eq!(hold["seat_ids"], json!(["A1", "A2"]), "a live lock is gone");
    }
    stop.send(true).unwrap();
    while let Some(bought) = storm.join_next().await {
        bought.unwrap();
    }
    back_after.sort_unstable();
    eprintln!("{kills} kills, {} bookings, back after {:?}", told.lock().unwrap().len(), back_after);

    keeper.delete(&format!("/api/lock?screening_id={}", beside.id)).await.expect(200);
    all_is_quiet(&app, &[screening]).await;
    let booked = app.admin().list_all("/api/admin/bookings").await;
    every_mail_is_written(&app, booked.len()).await;
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn payment_and_its_locks_survive_kills_of_the_server_before_and_after_the_sale() {
    let mut app = TestApp::start().await;
    let screening = app.screening("ssss").await;
    let ann = app.sign_in("ann").await;
    let bob = app.sign_in("bob").await;
    ann.lock(&screening, &["A1"]).await.expect(200);
    let payment = ann.start_payment(&screening).await.expect(201);

    app.kill_and_restart().await;

    let hold = ann.hold(&screening).await;
    assert_eq!((&hold["seat_ids"], &hold["payment_id"]), (&json!(["A1"]), &payment["id"]));
    ann.unlock(&screening, &["A1"]).await.refused(409, "payment_in_progress");
    bob.lock(&screening, &["A1"]).await.refused(409, "seat_taken");
    let sold = ann.confirm(payment["id"].as_str().unwrap(), "success").await.expect(200);

    app.kill_and_restart().await;

    let again = ann.confirm(payment["id"].as_str().unwrap(), "success").await.expect(200);
    assert_eq!(again["booking"], sold["booking"]);
    bob.lock(&screening, &["A1"]).await.refused(409, "seat_taken");
    assert_eq!(screening.taken(&bob).await, ["A1:BOOKED"]);
    app.finish().await;
}

/// With a truncated lock log, locks may be lost but no sale, and the server starts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn server_starts_with_a_truncated_lock_log() {
    let mut app = TestApp::embedded().await;
    let screening = app.screening("ssssssss").await;
    let ann = app.sign_in("ann").await;
    ann.buy(&screening, &["A1"]).await;
    for seat in ["A3", "A5", "A7"] {
        ann.lock(&screening, &[seat]).await.expect(200);
    }
    let log = app.data_dir().join("locks.log");
    for cut in [1, 7, 40] {
        app.kill().await;
        let length = std::fs::metadata(&log).unwrap().len();
        std::fs::File::options().write(true).open(&log).unwrap().set_len(length.saturating_sub(cut)).unwrap();
        app.restart().await;
        let taken = screening.taken(&ann).await;
        assert!(taken.contains(&"A1:BOOKED".to_owned()), "{taken:?}");
    }
    let bob = app.sign_in("bob").await;
    bob.lock(&screening, &["A1"]).await.refused(409, "seat_taken");
    app.finish().await;
}
