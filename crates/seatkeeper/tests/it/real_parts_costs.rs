//! The cost of a lock on real services: one call of Redis, and none of MongoDB or Kafka.

use std::{collections::BTreeMap, process::Stdio, slice, sync::Arc, time::Instant};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

use crate::{
    storms::crowd_turn,
    support::{Cluster, Parts, TestApp, TestScreening, Viewer},
};

const LOCKS: usize = 30;

const SCREENINGS: usize = 200;
const ROWS: usize = 2;
const SEATS_IN_ROW: usize = 60;
/// Number of locks in each screening; 10,000 in all.
const LOCKED_EACH: usize = 50;
/// Number of Redis hash tags over which screenings are distributed.
const TAGS: usize = 64;
/// Number of times that each seat map is read after the first time.
const LOOKS: usize = 3;

/// Records the commands that clients send to Redis. Commands that its functions run are not recorded.
struct Listener {
    _process: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Listener {
    async fn start(cluster: &Cluster) -> Self {
        let address = cluster.redis.lock().await.address();
        let port = address.rsplit(':').next().unwrap().to_owned();
        let mut process = Command::new("redis-cli")
            .args(["-p", &port, "MONITOR"])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("OK"));
        Self { _process: process, lines }
    }

    /// How often each function or command has been called for these screenings so far.
    async fn asked_of(&mut self, cluster: &Cluster, screenings: &[TestScreening]) -> BTreeMap<String, usize> {
        // A command with a random text marks the end of what is recorded so far.
        let mark = uuid::Uuid::new_v4().to_string();
        cluster.redis.lock().await.cli(&["ECHO", &mark]).await;
        let mut asked = BTreeMap::new();
        loop {
            let line = self.lines.next_line().await.unwrap().unwrap();
            if line.contains(&mark) {
                return asked;
            }
            let is_of_these = screenings.iter().any(|screening| line.contains(&screening.id));
            if is_of_these && !line.contains(" lua]") {
                let words: Vec<&str> = line.split('"').collect();
                let command = words[1].to_lowercase();
                let name = if command == "fcall" { words[3].to_owned() } else { command };
                *asked.entry(name).or_default() += 1;
            }
        }
    }
}

/// MongoDB is frozen and Kafka is down, and nevertheless the calls succeed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lock_makes_one_call_to_redis_and_none_to_mongodb_or_kafka() {
    let cluster = Cluster::start().await.without_kafka().with_own_mongodb().await;
    let app = TestApp::on(Arc::new(Parts::of(cluster)), &[]).await.with_admin().await;
    let screening = app.screening("ssss").await;
    let ann = app.sign_in("ann").await;
    // Session, screening and seat map are now in the server's cache, and the seat map is loaded in Redis.
    ann.lock(&screening, &["A1"]).await.expect(200);
    ann.unlock(&screening, &["A1"]).await.expect(200);

    app.cluster().own_mongodb().lock().await.process().freeze().await;
    let mut listener = Listener::start(app.cluster()).await;
    for _ in 0..LOCKS {
        ann.lock(&screening, &["A1"]).await.expect(200);
        ann.unlock(&screening, &["A1"]).await.expect(200);
    }
    let asked = listener.asked_of(app.cluster(), slice::from_ref(&screening)).await;
    app.cluster().own_mongodb().lock().await.process().thaw().await;
    let of = |what: &str| asked.iter().filter(|(name, _)| name.ends_with(what)).map(|(_, count)| count).sum::<usize>();
    assert_eq!((of("_lock"), of("_release")), (LOCKS, LOCKS), "{asked:?}");
    // Besides, a background job deletes releases that have been moved to the outbox.
    let others: Vec<_> = asked.keys().filter(|name| !name.ends_with("_lock") && !name.ends_with("_release")).collect();
    assert!(others.iter().all(|name| name.ends_with("_forget_releases")), "{asked:?}");
    app.finish_with_wrong_books().await;
}

/// Seat maps with 10,000 locks in total are read repeatedly, over HTTP and by viewers. After the first read they come
/// from the server's live rooms, without calls of Redis.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn maps_with_ten_thousand_locks_are_read_from_redis_only_once() {
    let _turn = crowd_turn().await;
    let parts = Arc::new(Parts::of(Cluster::start().await));
    let app = TestApp::on(parts, &[&format!("--seats-per-person={LOCKED_EACH}")]).await.with_admin().await;
    let picture = vec!["s".repeat(SEATS_IN_ROW); ROWS].join("/");
    let mut screenings = Vec::new();
    for _ in 0..SCREENINGS {
        screenings.push(app.screening(&picture).await);
    }
    let ann = app.sign_in("ann").await;
    let seats: Vec<String> = (1..=LOCKED_EACH).map(|number| format!("A{number}")).collect();
    let seats: Vec<&str> = seats.iter().map(String::as_str).collect();
    for screening in &screenings {
        ann.lock(screening, &seats).await.expect(200);
        assert_eq!(screening.taken(&ann).await.len(), LOCKED_EACH);
    }

    let (mut listener, listened) = (Listener::start(app.cluster()).await, Instant::now());
    for _ in 0..LOOKS {
        for screening in &screenings {
            assert_eq!(screening.taken(&ann).await.len(), LOCKED_EACH);
        }
    }
    for screening in &screenings {
        let viewer = Viewer::join(&app, screening).await;
        assert_eq!(viewer.seats.len(), LOCKED_EACH);
    }
    let mut asked = listener.asked_of(app.cluster(), &screenings).await;
    // Besides, all live rooms are compared with Redis once a second, by one call per hash tag, and with the store once
    // a minute.
    let seconds = usize::try_from(listened.elapsed().as_secs()).unwrap() + 1;
    assert!(asked.remove("seatkeeper_v3_list_states").is_none_or(|calls| calls <= TAGS * (seconds + 1)), "{seconds} s");
    let minutes = seconds / 60 + 1;
    assert!(asked.remove("seatkeeper_v3_snapshot").is_none_or(|calls| calls <= SCREENINGS * minutes), "{minutes} min");
    assert!(asked.is_empty(), "{asked:?}");
    app.finish().await;
}
