//! Several servers on the same services: a person's requests may go to any server, and any server may die.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use rand::{Rng, SeedableRng, rngs::StdRng};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use tokio::{
    sync::{Semaphore, watch},
    task::JoinSet,
    time::sleep,
};

use crate::{
    storms::{all_is_quiet, crowd_turn, sign_in_many},
    support::{Cluster, Parts, TestApp, TestPerson, TestScreening, Viewer, eventually},
};

const PEOPLE: usize = 200;
/// Limit of the concurrent payments. The tests' stand-in for MongoDB syncs to disk some hundred times a second, and a
/// payment is ten writes.
const PAYING_AT_ONCE: usize = 16;
/// Longest pause before a person's next click.
const THOUGHT_MAX: Duration = Duration::from_secs(2);
/// A person who holds this many seats and gets no permit to pay releases all of them.
const HELD_MAX: u32 = 4;
/// Time limit of every call. By default MongoDB keeps the open transactions of a dead server for a minute, and servers
/// that write to the same documents meanwhile answer 503.
const ANSWERED_WITHIN: Duration = Duration::from_secs(120);
/// Duration of the storm of calls before one server is killed, and again afterwards. Each half lasts longer when no seat has
/// been sold in it, but not longer than a call may take.
const HALF_STORM: Duration = Duration::from_secs(15);
const SEATS: &str = "ssssssssssssssssssssssssssssss";

/// Starts several servers on the same services. The administrator has signed in at the first one.
async fn servers(count: usize, flags: &[&str]) -> Vec<TestApp> {
    let parts = Arc::new(Parts::of(Cluster::start().await));
    let mut servers = vec![TestApp::on(Arc::clone(&parts), flags).await.with_admin().await];
    for _ in 1..count {
        servers.push(TestApp::on(Arc::clone(&parts), flags).await);
    }
    servers
}

async fn finish(servers: Vec<TestApp>) {
    for server in servers {
        server.finish().await;
    }
}

impl TestPerson {
    /// The same person, with the same cookies, at another server.
    pub(crate) fn at(&self, server: &TestApp) -> Self {
        Self { url: server.url().to_owned(), ..self.clone() }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sign_in_lock_and_payment_of_one_person_work_at_three_different_servers() {
    let servers = servers(3, &[]).await;
    let [one, two, three] = [&servers[0], &servers[1], &servers[2]];
    let screening = one.screening("ssss").await;
    let ann = one.sign_in("ann").await;
    let (mut at_one, mut at_three) = (Viewer::join(one, &screening).await, Viewer::join(three, &screening).await);

    let held = ann.at(two).lock(&screening, &["A1", "A2"]).await.expect(200);
    assert_eq!(ann.at(three).hold(&screening).await, held, "every server returns the same hold");
    for viewer in [&mut at_one, &mut at_three] {
        viewer.until("A2", "LOCKED").await;
    }
    assert_eq!(at_one.seq, at_three.seq, "a live change has the same seq on every server");
    let bob = three.sign_in("bob").await;
    bob.lock(&screening, &["A2"]).await.refused(409, "seat_taken");

    let payment = ann.at(three).start_payment(&screening).await.expect(201);
    let id = payment["id"].as_str().unwrap();
    ann.at(one).unlock(&screening, &["A1"]).await.refused(409, "payment_in_progress");
    let sold = ann.at(two).confirm(id, "success").await.expect(200);
    for viewer in [&mut at_one, &mut at_three] {
        viewer.until("A1", "BOOKED").await;
    }
    assert_eq!(ann.at(one).confirm(id, "success").await.expect(200)["booking"], sold["booking"]);
    assert_eq!(ann.at(three).get("/api/bookings").await.expect(200)["items"][0]["id"], sold["booking"]["id"]);
    finish(servers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_that_start_at_the_same_time_create_one_demo_cinema() {
    let parts = Arc::new(Parts::of(Cluster::start().await));
    let start = || TestApp::on(Arc::clone(&parts), &["--demo"]);
    let (one, two) = tokio::join!(start(), start());
    let one = one.with_admin().await;
    assert_eq!(one.admin().list_all("/api/admin/halls").await.len(), 4);
    assert_eq!(one.admin().at(&two).list_all("/api/admin/movies").await.len(), 12);
    finish(vec![one, two]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signing_out_at_one_server_ends_the_session_at_all_servers() {
    let servers = servers(2, &[]).await;
    let ann = servers[0].sign_in("ann").await;
    ann.at(&servers[1]).get("/api/auth/me").await.expect(200);
    ann.post("/api/auth/logout", json!({})).await;
    // A client with a copy of the session cookie, which the sign-out does not remove.
    let thief = servers[1].stranger();
    eventually("the session is over at the other server", || async {
        let asked = thief.request(Method::GET, "/api/auth/me").header("cookie", &ann.session);
        (thief.send(asked).await.status == 401).then_some(())
    })
    .await;
    finish(servers).await;
}

/// Each server counts the seats of a person, and learns before a refusal what the person did at the other one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn seats_released_at_another_server_do_not_count_for_the_limit_at_all_screenings() {
    let servers = servers(2, &["--seats-per-person-everywhere=4"]).await;
    let [one, two] = [&servers[0], &servers[1]];
    let (first, second, third) =
        (one.screening("ssss").await, one.screening("ssss").await, one.screening("ssss").await);
    let ann = one.sign_in("ann").await;
    for screening in [&first, &second] {
        ann.lock(screening, &["A1", "A2"]).await.expect(200);
    }
    ann.lock(&third, &["A1"]).await.refused(422, "too_many_seats_everywhere");
    ann.at(two).unlock(&first, &["A1", "A2"]).await.expect(200);
    ann.lock(&third, &["A1", "A2"]).await.expect(200);
    let refused = ann.lock(&third, &["A3"]).await.refused(422, "too_many_seats_everywhere");
    assert_eq!(refused["held_elsewhere"], 2);
    finish(servers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hold_frames_reach_devices_at_two_servers_until_the_session_ends() {
    let servers = servers(2, &[]).await;
    let [one, two] = [&servers[0], &servers[1]];
    let screening = one.screening("ssss").await;
    let (ann, bob) = (one.sign_in("ann").await, one.sign_in("bob").await);
    let mut devices = [
        Viewer::join_as(&ann, &screening).await,
        Viewer::join_as(&ann, &screening).await,
        Viewer::join_as(&ann.at(two), &screening).await,
    ];
    let mut stranger = Viewer::join_as(&bob.at(two), &screening).await;
    for server in [one, two] {
        let seat = if server.url() == one.url() { "A1" } else { "A2" };
        let held = ann.at(server).lock(&screening, &[seat]).await.expect(200);
        for device in &mut devices {
            device.until_hold(&held).await;
            assert!(device.seq <= held["seq"].as_u64().unwrap(), "the hold frame arrived no later than its seats");
        }
    }
    let payment = ann.at(two).start_payment(&screening).await.expect(201);
    let id = payment["id"].as_str().unwrap();
    for device in &mut devices {
        device.until_payment("PENDING", id).await;
    }
    ann.at(one).cancel(id).await.expect(200);
    for device in &mut devices {
        device.until_payment("CANCELLED", id).await;
        while device.hold.as_ref().unwrap()["payment_id"] != Value::Null {
            device.next().await;
        }
    }
    // Signing out at one server also removes the person from the sockets at the other server.
    let elsewhere = one.sign_in("ann").await;
    let mut last = Viewer::join_as(&elsewhere, &screening).await;
    ann.post("/api/auth/logout", json!({})).await;
    let thief = two.stranger();
    eventually("the session is over at the other server", || async {
        let asked = thief.request(Method::GET, "/api/auth/me").header("cookie", &ann.session);
        (thief.send(asked).await.status == 401).then_some(())
    })
    .await;
    let seen: Vec<usize> = devices.iter().map(|device| device.holds).collect();
    let held = elsewhere.lock(&screening, &["A3"]).await.expect(200);
    last.until_hold(&held).await;
    for (device, seen) in devices.iter_mut().zip(seen) {
        device.until("A3", "LOCKED").await;
        assert_eq!(device.holds, seen);
    }
    stranger.until("A3", "LOCKED").await;
    assert!(stranger.holds == 1 && stranger.payments.is_empty());
    finish(servers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_calls_with_one_idempotency_key_at_two_servers_start_one_payment() {
    let servers = servers(2, &[]).await;
    let screening = servers[0].screening("ssss").await;
    let ann = servers[0].sign_in("ann").await;
    ann.lock(&screening, &["A1"]).await.expect(200);
    let body = json!({"screening_id": screening.id, "method": "mock_card"}).to_string();
    let asked = (0..8).map(|index| {
        let (person, body) = (ann.at(&servers[index % 2]), &body);
        async move { person.post_with(("idempotency-key", "once"), "/api/payments", body).await.expect(201) }
    });
    let ids: Vec<Value> = join_all(asked).await.into_iter().map(|payment| payment["id"].clone()).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    finish(servers).await;
}

/// The server that confirms the payment is killed while it waits for the provider. Another server finishes the payment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn payment_of_a_killed_server_is_finished_by_another_server() {
    let mut servers = servers(2, &["--mock-payment=answer_delay=2s,callback=never"]).await;
    let screening = servers[0].screening("ssss").await;
    let ann = servers[0].sign_in("ann").await;
    ann.lock(&screening, &["A1"]).await.expect(200);
    let payment = ann.start_payment(&screening).await.expect(201);
    let id = payment["id"].as_str().unwrap().to_owned();
    let elsewhere = ann.at(&servers[1]);
    let confirm = {
        let (victim, id) = (ann.at(&servers[0]), id.clone());
        tokio::spawn(async move {
            let path = format!("/api/payments/{id}/confirm");
            victim.request(Method::POST, &path).json(&json!({"outcome": "success"})).send().await.is_err()
        })
    };
    let path = format!("/api/payments/{id}");
    let find = || elsewhere.get(&path);
    eventually("the payment is confirming", || async {
        (find().await.expect(200)["status"] == "CONFIRMING").then_some(())
    })
    .await;
    servers[0].kill().await;
    assert!(confirm.await.unwrap(), "the confirmation was not answered");
    let sold = eventually("another server sells", || async {
        let payment = find().await.expect(200);
        (payment["status"] == "SUCCEEDED").then_some(payment)
    })
    .await;
    let booking = elsewhere.get(&format!("/api/bookings/{}", sold["booking_id"].as_str().unwrap())).await.expect(200);
    assert_eq!(booking["seats"][0]["id"], "A1");
    assert_eq!(screening.taken(&elsewhere).await, ["A1:BOOKED"]);
    let boss = servers[0].admin().at(&servers[1]);
    servers[1].set_admin(boss);
    finish(servers).await;
}

/// A person whose browser tries another server when a server does not answer.
struct Wanderer {
    person: TestPerson,
    urls: Arc<Vec<String>>,
    tills: Arc<Semaphore>,
    at: usize,
}

impl Wanderer {
    /// Repeats a call until the response is final, that is, while the server is down, the call is still in progress, or
    /// the outcome is unknown.
    async fn ask(&mut self, method: Method, path: &str, body: &Value, key: Option<&str>) -> (u16, Value) {
        let (asked, mut answers) = (Instant::now(), Vec::new());
        loop {
            let at = self.at % self.urls.len();
            let url = format!("{}{path}", self.urls[at]);
            let mut request = self.person.client.request(method.clone(), url).json(body);
            if let Some(key) = key {
                request = request.header("idempotency-key", key);
            }
            let mut pause = Duration::ZERO;
            if let Ok(answer) = request.send().await {
                let status = answer.status().as_u16();
                pause = retry_after(&answer);
                if let Ok(said) = answer.json::<Value>().await {
                    if !matches!(status, 202 | 503) && said["code"] != "in_progress" {
                        return (status, said);
                    }
                    answers.push(format!("{:?}: server {at} said {status} {}", asked.elapsed(), said["detail"]));
                }
            }
            assert!(asked.elapsed() < ANSWERED_WITHIN, "no server has an answer to {path}: {answers:#?}");
            self.at += 1;
            sleep(pause).await;
        }
    }

    /// Clicks at random until stopped: locks, releases, pays, declines, cancels. Each call goes to a random server.
    async fn wander(mut self, screening: TestScreening, told: Told, stop: watch::Receiver<bool>, seed: u64) {
        let mut dice = StdRng::seed_from_u64(seed);
        let mut held = 0;
        for number in 0.. {
            if *stop.borrow() {
                break;
            }
            sleep(THOUGHT_MAX.mul_f64(dice.random())).await;
            self.at = dice.random_range(0..self.urls.len());
            let seat = format!("{}{}", char::from(b'A' + dice.random_range(0..20u8)), dice.random_range(1..=30u8));
            let lock = json!({"screening_id": screening.id, "seat_ids": [seat]});
            if self.ask(Method::POST, "/api/lock", &lock, None).await.0 != 200 {
                continue;
            }
            held += 1;
            let till = self.tills.clone().try_acquire_owned().ok().filter(|_| dice.random_range(0..3) == 0);
            if till.is_some() {
                self.at = dice.random_range(0..self.urls.len());
                self.pay(&screening, &told, number, dice.random_range(0..8)).await;
                held = 0;
            } else if held == HELD_MAX {
                self.let_go(&screening).await;
                held = 0;
            }
        }
        self.let_go(&screening).await;
    }

    /// Pays for all held seats. One payment in eight is cancelled, and one in eight is declined.
    async fn pay(&mut self, screening: &TestScreening, told: &Told, number: u32, whim: u8) {
        let pay = json!({"screening_id": screening.id, "method": "mock_card"});
        let (status, payment) = self.ask(Method::POST, "/api/payments", &pay, Some(&format!("pay-{number}"))).await;
        assert_eq!(status, 201, "{payment}");
        let path = format!("/api/payments/{}", payment["id"].as_str().unwrap());
        let confirm = format!("{path}/confirm");
        match whim {
            0 => {
                let (status, said) = self.ask(Method::POST, &format!("{path}/cancel"), &json!({}), None).await;
                assert_eq!(status, 200, "{said}");
                self.let_go(screening).await;
            }
            1 => {
                let decline = json!({"outcome": "decline"});
                let (status, said) = self.ask(Method::POST, &confirm, &decline, None).await;
                assert_eq!(status, 402, "{said}");
                self.let_go(screening).await;
            }
            _ => {
                let success = json!({"outcome": "success"});
                let (status, sold) = self.ask(Method::POST, &confirm, &success, Some("confirm")).await;
                assert_eq!(status, 200, "{sold}");
                let booking = sold["booking"].clone();
                told.lock().unwrap().insert(booking["id"].as_str().unwrap().to_owned(), booking);
            }
        }
    }

    async fn let_go(&mut self, screening: &TestScreening) {
        let all = json!({"screening_id": screening.id});
        let (status, said) = self.ask(Method::DELETE, "/api/lock", &all, None).await;
        assert_eq!(status, 200, "{said}");
    }
}

/// The value of `Retry-After`.
fn retry_after(answer: &Response) -> Duration {
    let seconds = answer.headers().get("retry-after").map(|seconds| seconds.to_str().unwrap().parse().unwrap());
    Duration::from_secs(seconds.unwrap_or(0))
}

/// The bookings whose confirmations were answered with success.
type Told = Arc<Mutex<BTreeMap<String, Value>>>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_servers_lose_no_booking_when_one_is_killed_in_a_storm() {
    let _turn = crowd_turn().await;
    let mut servers = servers(3, &[]).await;
    let screening = servers[0].screening(&[SEATS; 20].join("/")).await;
    let people = sign_in_many(&servers[1], "wanderer", PEOPLE).await;
    let urls = Arc::new(servers.iter().map(|server| server.url().to_owned()).collect::<Vec<_>>());
    let mut viewer = Viewer::join(&servers[0], &screening).await;
    let (told, tills) = (Told::default(), Arc::new(Semaphore::new(PAYING_AT_ONCE)));
    let (stop, stopped) = watch::channel(false);
    let mut storm = JoinSet::new();
    for (seed, person) in (0..).zip(people) {
        let (urls, tills) = (Arc::clone(&urls), Arc::clone(&tills));
        let wanderer = Wanderer { person, urls, tills, at: 0 };
        storm.spawn(wanderer.wander(screening.clone(), Arc::clone(&told), stopped.clone(), seed));
    }
    let (mut half_began, mut sold_before_kill) = (Instant::now(), None);
    loop {
        viewer.next().await;
        let (elapsed, sold) = (half_began.elapsed(), told.lock().unwrap().len());
        let has_sold = sold > sold_before_kill.unwrap_or(0);
        assert!(has_sold || elapsed < ANSWERED_WITHIN, "{sold} sales, of which {sold_before_kill:?} before the kill");
        if has_sold && elapsed >= HALF_STORM {
            if sold_before_kill.is_some() {
                break;
            }
            servers[2].kill().await;
            (half_began, sold_before_kill) = (Instant::now(), Some(sold));
        }
        if let Some(ended) = storm.try_join_next() {
            ended.unwrap();
        }
    }
    stop.send(true).unwrap();
    while let Some(ended) = storm.join_next().await {
        ended.unwrap();
    }
    let told = Arc::try_unwrap(told).unwrap().into_inner().unwrap();
    eprintln!("three servers, one killed: {} bookings, {sold_before_kill:?} before the kill", told.len());
    // Other servers take over the work of the dead server: in the end there are no locks, only sales.
    all_is_quiet(&servers[0], std::slice::from_ref(&screening)).await;
    let booked = servers[0].admin().list_all("/api/admin/bookings").await;
    for id in told.keys() {
        assert!(booked.iter().any(|booking| booking["id"] == **id), "an acknowledged booking is gone: {id}");
    }
    let sold: usize = booked.iter().map(|booking| booking["seats"].as_array().unwrap().len()).sum();
    while viewer.seats.len() != sold || viewer.seats.values().any(|status| status != "BOOKED") {
        viewer.next().await;
    }
    finish(servers).await;
}
