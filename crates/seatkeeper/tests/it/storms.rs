//! Storms: many people use the server over HTTP at the same time. Afterwards seats, bookings, money, events and mails
//! must agree.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use rand::{Rng, RngCore, SeedableRng, rngs::StdRng};
use serde_json::Value;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    task::JoinSet,
    time::sleep,
};

use crate::support::{TestApp, TestPerson, TestScreening, Viewer, eventually, is_cluster, served, thought_max};

/// Limit of the concurrent sign-ins. More would only wait in the server's accept queue.
const SIGN_INS_AT_ONCE: usize = 32;
/// Default duration of a storm. `SEATKEEPER_TEST_STORM_SECONDS` overrides it.
const STORM_SECONDS: u64 = 30;
/// Limit of the time by which a storm on real services is extended when it has sold nothing yet.
const EXTENSION_MAX: Duration = Duration::from_secs(180);

/// A permit for a test with many people. Only one such test runs at a time, because two at once would only measure the
/// stand-in for MongoDB.
pub(crate) async fn crowd_turn() -> SemaphorePermit<'static> {
    static TURN: Semaphore = Semaphore::const_new(1);
    TURN.acquire().await.unwrap()
}

/// Signs in people named `NAME-0` to `NAME-n`.
pub(crate) async fn sign_in_many(app: &TestApp, name: &str, count: usize) -> Vec<TestPerson> {
    let places = Arc::new(Semaphore::new(SIGN_INS_AT_ONCE));
    let one = |index: usize| {
        let (places, url) = (Arc::clone(&places), app.url().to_owned());
        async move {
            let _place = places.acquire().await.unwrap();
            TestPerson::sign_in(&url, &format!("{name}-{index}")).await
        }
    };
    join_all((0..count).map(one)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_a_thousand_people_who_lock_the_same_seat_gets_it() {
    let _turn = crowd_turn().await;
    let app = TestApp::start().await;
    let screening = app.screening("ssss").await;
    let people = sign_in_many(&app, "crowd", 1_000).await;
    let mut viewer = Viewer::join(&app, &screening).await;

    let answers = join_all(people.iter().map(|person| person.lock(&screening, &["A1"]))).await;

    let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
    assert_eq!(won.len(), 1, "winners");
    for answer in lost {
        assert_eq!(answer.refused(409, "seat_taken")["seat_ids"], serde_json::json!(["A1"]));
    }
    viewer.until("A1", "LOCKED").await;
    assert_eq!(viewer.frames, 1, "a thousand calls made one live change");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn overlapping_sets_of_seats_are_each_locked_completely_or_not_at_all() {
    let _turn = crowd_turn().await;
    let app = TestApp::start().await;
    let screening = app.screening("ssssssss").await;
    let people = sign_in_many(&app, "crossed", 40).await;
    let sets = [["A1", "A2", "A3"], ["A3", "A4", "A5"], ["A5", "A6", "A1"], ["A6", "A2", "A4"], ["A7", "A8", "A3"]];

    for round in 0..10 {
        let asked = people.iter().enumerate().map(|(index, person)| {
            let mut set = sets[(index + round) % sets.len()];
            set.rotate_left(index % 3);
            let screening = &screening;
            async move { (set, person.lock(screening, &set).await, person.hold(screening).await) }
        });
        let mut held = Vec::new();
        for (set, answer, hold) in join_all(asked).await {
            let seats: Vec<&str> = hold["seat_ids"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
            if answer.status == 200 {
                let mut set = set.to_vec();
                set.sort_unstable();
                assert_eq!(seats, set, "all seats of the set");
                held.extend(set);
            } else {
                answer.refused(409, "seat_taken");
                assert!(seats.is_empty(), "or no seat: {seats:?}");
            }
        }
        let count = held.len();
        held.sort_unstable();
        held.dedup();
        assert_eq!(held.len(), count, "two people hold the same seat");
        assert!(count >= 3, "somebody must win");
        let all = format!("/api/lock?screening_id={}", screening.id);
        let let_go = join_all(people.iter().map(|person| person.delete(&all))).await;
        assert!(let_go.iter().all(|answer| answer.status == 200));
    }
    app.finish().await;
}

/// The results of one person's clicks in a storm.
#[derive(Default)]
struct Deeds {
    bookings: Vec<Value>,
    refused: usize,
}

/// A storm ends at its time, or on slow services with its first sale if that is later.
struct Storm {
    end: Instant,
    has_sold: AtomicBool,
}

impl Storm {
    fn is_over(&self) -> bool {
        let is_extended = is_cluster() && !self.has_sold.load(Relaxed);
        Instant::now() >= if is_extended { self.end + EXTENSION_MAX } else { self.end }
    }
}

/// The clicks of one person in a storm: locks, releases, pays, declines, cancels, lets locks expire.
async fn live_through(storm: Arc<Storm>, person: TestPerson, screenings: Arc<Vec<TestScreening>>, seed: u64) -> Deeds {
    let mut dice = StdRng::seed_from_u64(seed);
    let mut deeds = Deeds::default();
    while !storm.is_over() {
        let screening = &screenings[dice.random_range(0..screenings.len())];
        let row = char::from(b'A' + dice.random_range(0..6u8));
        let first = dice.random_range(1..=9u8);
        let wanted: Vec<String> = (first..=first + dice.random_range(0..2u8)).map(|n| format!("{row}{n}")).collect();
        let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
        sleep(thought_max().mul_f64(dice.random())).await;
        let locked = served(|| person.lock(screening, &wanted)).await;
        if locked.status != 200 {
            let known = ["seat_taken", "too_many_seats", "payment_in_progress"];
            assert!(known.contains(&locked.code()), "{}", locked.text);
            deeds.refused += 1;
            continue;
        }
        match dice.next_u32() % 8 {
            0 => {
                assert_eq!(served(|| person.unlock(screening, &wanted)).await.status, 200);
                continue;
            }
            1 => continue,
            _ => {}
        }
        let started = served(|| person.start_payment(screening)).await;
        if started.status != 201 {
            // With slow services a lock may expire before the payment claims its seat. Then another person's claim may
            // refuse the payment.
            let refusals: &[&str] = if is_cluster() { &["nothing_locked", "seat_taken"] } else { &["nothing_locked"] };
            assert!(refusals.contains(&started.code()), "{}", started.text);
            continue;
        }
        let payment = started.body["id"].as_str().unwrap().to_owned();
        match dice.next_u32() % 8 {
            0 => assert!(matches!(served(|| person.cancel(&payment)).await.status, 200 | 409)),
            1 => {
                let declined = served(|| person.confirm(&payment, "decline")).await;
                assert!(matches!(declined.status, 202 | 402 | 409), "{}", declined.text);
            }
            2 => {}
            _ => {
                let confirmed = served(|| person.confirm(&payment, "success")).await;
                match confirmed.status {
                    200 => {
                        storm.has_sold.store(true, Relaxed);
                        deeds.bookings.push(confirmed.body["booking"].clone());
                    }
                    202 => {}
                    _ => assert_eq!(confirmed.code(), "payment_expired", "{}", confirmed.text),
                }
            }
        }
    }
    deeds
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn books_and_seat_maps_of_viewers_agree_after_a_storm_of_two_hundred_people() {
    let _turn = crowd_turn().await;
    let seconds = std::env::var("SEATKEEPER_TEST_STORM_SECONDS").ok().and_then(|text| text.parse().ok());
    let app = TestApp::with(&["--lock-ttl=2s", "--payment-ttl=3s"]).await;
    let picture = ["ssssssssss"; 6].join("/");
    let mut screenings = Vec::new();
    for _ in 0..4 {
        screenings.push(app.screening(&picture).await);
    }
    let screenings = Arc::new(screenings);
    let people = sign_in_many(&app, "storm", 200).await;
    let mut viewers = Vec::new();
    for screening in screenings.iter().cycle().take(20) {
        viewers.push(watch_for_good(Viewer::join(&app, screening).await));
    }
    let end = Instant::now() + Duration::from_secs(seconds.unwrap_or(STORM_SECONDS));
    let storm = Arc::new(Storm { end, has_sold: AtomicBool::new(false) });
    let mut crowd = JoinSet::new();
    for (index, person) in people.into_iter().enumerate() {
        crowd.spawn(live_through(Arc::clone(&storm), person, Arc::clone(&screenings), index as u64));
    }
    let mut acknowledged = Vec::new();
    let mut refused = 0;
    while let Some(deeds) = crowd.join_next().await {
        let deeds = deeds.unwrap();
        acknowledged.extend(deeds.bookings);
        refused += deeds.refused;
    }
    eprintln!("storm: {} bookings, {refused} refusals", acknowledged.len());
    assert!(!acknowledged.is_empty() && refused > 0, "the storm must have bookings and refusals");

    all_is_quiet(&app, &screenings).await;
    let booked = app.admin().list_all("/api/admin/bookings").await;
    let known: Vec<&str> = booked.iter().map(|booking| booking["id"].as_str().unwrap()).collect();
    for booking in &acknowledged {
        assert!(known.contains(&booking["id"].as_str().unwrap()), "an acknowledged booking is gone: {booking}");
    }
    let seen_by_viewers = join_all(viewers.into_iter().map(Watching::stop)).await;
    for (index, seen) in seen_by_viewers.into_iter().enumerate() {
        let screening = &screenings[index % screenings.len()];
        let mut map = screening.taken(app.admin()).await;
        map.sort_unstable();
        assert_eq!(seen, map, "what viewer {index} sees");
    }
    every_mail_is_written(&app, booked.len()).await;
    app.finish().await;
}

/// Waits until no seat is locked and every taken seat is sold.
pub(crate) async fn all_is_quiet(app: &TestApp, screenings: &[TestScreening]) {
    for screening in screenings {
        eventually("every lock has expired", || async {
            let taken = screening.taken(app.admin()).await;
            taken.iter().all(|seat| seat.ends_with(":BOOKED")).then_some(())
        })
        .await;
    }
}

/// Asserts that there is one `.eml` file for each booking.
pub(crate) async fn every_mail_is_written(app: &TestApp, bookings: usize) {
    let folder = app.data_dir().join("mail");
    let count = || {
        std::fs::read_dir(&folder).map_or(0, |files| {
            files
                .filter(|file| file.as_ref().is_ok_and(|file| file.path().extension().is_some_and(|e| e == "eml")))
                .count()
        })
    };
    eventually("every mail is written", || async { (count() >= bookings).then_some(()) }).await;
    assert_eq!(count(), bookings, "mails and bookings");
}

/// A viewer whose frames are read by a task of its own.
struct Watching {
    stop: tokio::sync::oneshot::Sender<()>,
    task: tokio::task::JoinHandle<Vec<String>>,
}

impl Watching {
    /// Stops reading. Returns the seat map that the viewer has after all frames that were sent before this call.
    async fn stop(self) -> Vec<String> {
        self.stop.send(()).unwrap();
        self.task.await.unwrap()
    }
}

fn watch_for_good(mut viewer: Viewer) -> Watching {
    let (stop, mut stopped) = tokio::sync::oneshot::channel();
    let task = tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = viewer.next() => {}
                _ = &mut stopped => break,
            }
        }
        // The next `alive` frame comes after all frames that were sent before it.
        while viewer.next().await["type"] != "alive" {}
        let mut seen: Vec<String> = viewer.seats.iter().map(|(seat, status)| format!("{seat}:{status}")).collect();
        seen.sort_unstable();
        seen
    });
    Watching { stop, task }
}
