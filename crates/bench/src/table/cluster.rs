//! Loads on two servers that share Redis, MongoDB and Kafka. `seatkeeper-testbed` starts the last two.

use std::{
    env,
    path::Path,
    process,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use seatkeeper_testbed::{KafkaServer, MongoServer, RedisServer};
use tokio::process::Command;

use super::rows::PEOPLE;
use crate::{
    buy::{self, BuyBench},
    lock::{self, LockBench},
    outcome::Outcome,
    part::Part,
    report::Report,
    started::Started,
    target::Target,
};

/// Requests of each person: their events keep the stand-in for MongoDB busy for half a minute.
const LOCK_REQUESTS: u64 = 200;
/// Buyers, and seconds in which they buy: the stand-in commits some hundred transactions a second.
const BUYERS: u64 = 8;
const BUY_SECONDS: u64 = 3;
const SEATS: u64 = 600;
/// Releases whose events are stored while people buy.
const RELEASES: u64 = 25_000;
/// Calls of the bare function, and how many of them are under way.
const BARE_CALLS: [&str; 2] = ["20000", "50"];
/// How the program that measures the bare function begins its line, and ends it.
const BARE_LINE: (&str, &str) = ("a bare function", "µs in Redis");

/// CPU time of Redis for a function that does only the unavoidable commands of a lock, in microseconds.
pub(super) async fn bare_function_us(program: &Path) -> Outcome<f64> {
    let output = Command::new(program).args(BARE_CALLS).output().await?;
    let said = String::from_utf8_lossy(&output.stdout);
    let line = said.lines().find(|line| line.starts_with(BARE_LINE.0));
    let line = line.and_then(|line| line.trim().strip_suffix(BARE_LINE.1)).ok_or("no line about the bare function")?;
    Ok(line.split_whitespace().last().ok_or("no number")?.parse()?)
}

/// Locks at one of two servers; purchases; and purchases while the events of many releases are still being stored, each on
/// servers and databases of its own. `bare_us` is the floor of a lock in Redis.
pub(super) async fn measure(program: &Path, bare_us: Option<f64>) -> Outcome<Report> {
    let cinema = Cinema::start(program).await?;
    let relay_urls = vec![cinema.second.url.clone()];
    let requests = Some(LOCK_REQUESTS);
    let lock = LockBench { target: cinema.target()?, people: PEOPLE, requests, relay_urls, redis_floor_us: bare_us };
    let mut report = Box::pin(lock::run(lock)).await?;
    for after_releases in [0, RELEASES] {
        let cinema = Cinema::start(program).await?;
        let mut target = cinema.target()?;
        if after_releases > 0 {
            // How long people wait is of interest here. The CPU time would be that of the releases.
            target.pid = None;
        }
        let buy = BuyBench { target, people: BUYERS, seats: Some(SEATS), fdatasync: false, after_releases };
        report.append(Box::pin(buy::run(buy)).await?);
    }
    Ok(report)
}

/// Two servers on a Redis of their own, and on a database and topics of their own in the shared MongoDB and Kafka.
struct Cinema {
    redis: RedisServer,
    first: Started,
    second: Started,
}

impl Cinema {
    async fn start(program: &Path) -> Outcome<Self> {
        static CINEMAS: AtomicU64 = AtomicU64::new(0);
        let redis = RedisServer::start().await;
        let name = format!("bench{}x{}", process::id(), CINEMAS.fetch_add(1, Relaxed));
        let (mongodb, kafka) = (variable(MongoServer::URL_VARIABLE)?, variable(KafkaServer::URL_VARIABLE)?);
        let (host, options) = mongodb.split_once('?').unwrap_or((&mongodb, ""));
        let settings = [
            format!("--store-url={}/{name}?{options}", host.trim_end_matches('/')),
            format!("--locks-url={}", redis.url()),
            format!("--events-url={kafka}?prefix={name}_"),
        ];
        let first = Started::seatkeeper(program, &settings).await?;
        let second = Started::seatkeeper(program, &settings).await?;
        Ok(Self { redis, first, second })
    }

    /// The first server, with all parts that are measured beside it.
    fn target(&self) -> Outcome<Target> {
        let mut parts = vec![
            format!("second={}", self.second.pid),
            format!("redis={}", self.redis.process.pid()),
            format!("redis={}", self.redis.url()),
            format!("mongodb={}", variable(MongoServer::URL_VARIABLE)?),
        ];
        // Servers that were not started by seatkeeper-testbed have no process id here.
        for (name, variable) in [("mongodb", "SEATKEEPER_TEST_MONGODB_PID"), ("kafka", "SEATKEEPER_TEST_KAFKA_PID")] {
            parts.extend(env::var(variable).ok().map(|pid| format!("{name}={pid}")));
        }
        let parts = parts.iter().map(|part| Part::parse(part)).collect::<Result<Vec<_>, _>>()?;
        Ok(Target { url: self.first.url.clone(), seconds: BUY_SECONDS, pid: Some(self.first.pid), parts })
    }
}

fn variable(name: &str) -> Outcome<String> {
    Ok(env::var(name).map_err(|_| format!("{name} is not set: run this by seatkeeper-testbed"))?)
}
