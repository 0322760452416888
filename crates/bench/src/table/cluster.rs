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

/// Locks at one of two servers, then purchases. `bare_us` is the floor of a lock in Redis.
pub(super) async fn measure(program: &Path, bare_us: Option<f64>) -> Outcome<Report> {
    static SERVERS: AtomicU64 = AtomicU64::new(0);
    let redis = RedisServer::start().await;
    let name = format!("bench{}x{}", process::id(), SERVERS.fetch_add(1, Relaxed));
    let variable =
        |name: &str| env::var(name).map_err(|_| format!("{name} is not set: run this by seatkeeper-testbed"));
    let (mongodb, kafka) = (variable(MongoServer::URL_VARIABLE)?, variable(KafkaServer::URL_VARIABLE)?);
    let (host, options) = mongodb.split_once('?').unwrap_or((&mongodb, ""));
    let settings = [
        format!("--store-url={}/{name}?{options}", host.trim_end_matches('/')),
        format!("--locks-url={}", redis.url()),
        format!("--events-url={kafka}?prefix={name}_"),
    ];
    let first = Started::seatkeeper(program, &settings).await?;
    let second = Started::seatkeeper(program, &settings).await?;
    let mut parts = vec![
        format!("second={}", second.pid),
        format!("redis={}", redis.process.pid()),
        format!("redis={}", redis.url()),
        format!("mongodb={mongodb}"),
    ];
    // Servers that were not started by seatkeeper-testbed have no process id here.
    for (name, variable) in [("mongodb", "SEATKEEPER_TEST_MONGODB_PID"), ("kafka", "SEATKEEPER_TEST_KAFKA_PID")] {
        parts.extend(env::var(variable).ok().map(|pid| format!("{name}={pid}")));
    }
    let parts = parts.iter().map(|part| Part::parse(part)).collect::<Result<Vec<_>, _>>()?;
    let target = Target { url: first.url.clone(), seconds: BUY_SECONDS, pid: Some(first.pid), parts };
    let relay_urls = vec![second.url.clone()];
    let buy = BuyBench { target: target.clone(), people: BUYERS, seats: Some(SEATS), fdatasync: false };
    let mut report = lock::run(LockBench { target, people: PEOPLE, requests: Some(LOCK_REQUESTS), relay_urls }).await?;
    for figure in report.figures.iter_mut().filter(|figure| figure.what.ends_with("Redis") && figure.goal == "P2") {
        figure.floor = bare_us;
    }
    report.append(buy::run(buy).await?);
    Ok(report)
}
