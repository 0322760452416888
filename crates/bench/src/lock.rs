//! Load: people lock random seats and release them.

use std::{
    iter,
    time::{Duration, Instant},
};

use clap::Args;
use hyper::{Method, StatusCode, body::Bytes};
use rand::{Rng, SeedableRng, rngs::StdRng};
use tokio::task::JoinSet;

use crate::{
    histogram::Histogram,
    meter::CpuMeter,
    outcome::Outcome,
    relay::RelayMeter,
    server::Server,
    target::Target,
    visitor::{Stage, Visitor},
};

/// Limit of concurrent people, each with one connection.
const PEOPLE_MAX: u64 = 4_096;
/// Limit of requests per person.
const REQUESTS_MAX: u64 = 100_000_000;

/// People lock and unlock seats.
#[derive(Debug, Args)]
pub(crate) struct LockBench {
    #[command(flatten)]
    target: Target,
    /// How many people, each with a connection of their own.
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u64).range(1..=PEOPLE_MAX))]
    people: u64,
    /// Each person stops after this many requests, whatever time they take: for a profiler that counts instructions.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=REQUESTS_MAX))]
    requests: Option<u64>,
    /// Another server of the same cinema. Any one of them may be the server that relays the events.
    #[arg(long = "relay-url", value_name = "URL", value_parser = Server::parse)]
    relay_urls: Vec<Server>,
}

impl LockBench {
    /// The servers that may relay events, without duplicates.
    fn relays(&self) -> Vec<Server> {
        let mut all: Vec<Server> = Vec::new();
        for server in iter::once(&self.target.url).chain(&self.relay_urls) {
            if !all.contains(server) {
                all.push(server.clone());
            }
        }
        all
    }
}

/// When a person stops.
#[derive(Clone, Copy)]
enum Until {
    Time(Instant),
    Requests(u64),
}

impl Until {
    fn is_reached(self, requests: u64) -> bool {
        match self {
            Self::Time(end) => Instant::now() >= end,
            Self::Requests(most) => requests >= most,
        }
    }
}

/// Counts of answers, and the latencies.
#[derive(Default)]
struct Tally {
    times: Histogram,
    locked: u64,
    unlocked: u64,
    taken: u64,
    told_to_wait: u64,
}

impl Tally {
    fn merge(&mut self, other: &Self) {
        self.times.merge(&other.times);
        self.locked += other.locked;
        self.unlocked += other.unlocked;
        self.taken += other.taken;
        self.told_to_wait += other.told_to_wait;
    }
}

pub(super) async fn run(bench: LockBench) -> Outcome<Vec<String>> {
    let mut people = Vec::new();
    for index in 0..bench.people {
        people.push(Visitor::sign_in(&bench.target.url, &format!("bench-{index}@example.test")).await?);
    }
    let first = people.first_mut().ok_or("there are no people")?;
    let stage = first.find_stage().await?;
    let mut meter = bench.target.meter()?;
    // Without --pid there is no rest measurement: its wait would count in a profiler.
    let rest = if meter.knows_server() { Some(meter.learn_rest().await?) } else { None };
    for person in &mut people {
        person.reconnect(&bench.target.url).await?;
    }
    let relay = RelayMeter::start(bench.relays()).await?;
    meter.restart()?;
    let started = Instant::now();
    let until = bench.requests.map_or_else(|| Until::Time(started + bench.target.duration()), Until::Requests);
    let mut busy = JoinSet::new();
    for (seed, person) in (0..).zip(people) {
        busy.spawn(lock_and_unlock(person, stage.clone(), until, seed));
    }
    let mut tally = Tally::default();
    while let Some(done) = busy.join_next().await {
        tally.merge(&done??);
    }
    let took = started.elapsed();
    let mut lines = report(&bench, &stage, &tally, took);
    lines.extend(meter.lines(tally.times.total(), "request")?);
    if let Some(rest) = rest {
        lines.push(rest);
        lines.extend(measure_afterwards(meter, relay, tally.times.total()).await?);
    }
    Ok(lines)
}

/// Events of released seats are stored, relayed and audited after the answer, so their CPU time is measured separately.
async fn measure_afterwards(mut meter: CpuMeter, relay: RelayMeter, requests: u64) -> Outcome<Vec<String>> {
    meter.restart()?;
    let relayed = relay.wait_until_still().await?;
    let end = if meter.wait_until_quiet().await? { "until it was quiet" } else { "and it was not quiet yet" };
    let mut lines = vec![relayed, format!("afterwards    beyond rest, for what no request waits for, {end}")];
    lines.extend(meter.lines_beyond_rest(requests, "request")?);
    Ok(lines)
}

async fn lock_and_unlock(mut person: Visitor, stage: Stage, until: Until, seed: u64) -> Outcome<Tally> {
    let mut dice = StdRng::seed_from_u64(seed);
    let mut tally = Tally::default();
    // The end is checked only between pairs of requests, so that every locked seat is released.
    while !until.is_reached(tally.times.total()) {
        let body = stage.lock_body(&stage.seats[dice.random_range(0..stage.seats.len())]);
        match timed(&mut person, Method::POST, body.clone(), &mut tally.times).await? {
            StatusCode::OK => tally.locked += 1,
            StatusCode::CONFLICT => {
                tally.taken += 1;
                continue;
            }
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                tally.told_to_wait += 1;
                continue;
            }
            other => return Err(format!("locking a seat was answered {other}").into()),
        }
        match timed(&mut person, Method::DELETE, body, &mut tally.times).await? {
            StatusCode::OK => tally.unlocked += 1,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => tally.told_to_wait += 1,
            other => return Err(format!("unlocking a seat was answered {other}").into()),
        }
    }
    Ok(tally)
}

async fn timed(person: &mut Visitor, method: Method, body: Bytes, times: &mut Histogram) -> Outcome<StatusCode> {
    let asked = Instant::now();
    let status = person.call(method, "/api/lock", body).await?.status;
    times.add(asked.elapsed());
    Ok(status)
}

fn report(bench: &LockBench, stage: &Stage, tally: &Tally, took: Duration) -> Vec<String> {
    let requests = tally.times.total();
    let (p50, p99) = (tally.times.percentile_ms(50), tally.times.percentile_ms(99));
    let rate = requests as f64 / took.as_secs_f64();
    let (people, seats, seconds) = (bench.people, stage.seats.len(), took.as_secs_f64());
    let Tally { locked, unlocked, taken, told_to_wait, .. } = tally;
    vec![
        format!("load          {people} people, {seats} seats, {seconds:.1} s"),
        format!("requests      {requests}, {rate:.0} a second"),
        format!("latency       p50 {p50:.2} ms, p99 {p99:.2} ms"),
        format!("answers       {locked} locked, {unlocked} let go, {taken} seat_taken, {told_to_wait} told to wait"),
    ]
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        bench: LockBench,
    }

    #[test]
    fn relay_servers_are_listed_without_duplicates() {
        let words = "bench --url=http://127.0.0.1:1 --relay-url=http://127.0.0.1:2 --relay-url=http://127.0.0.1:1";
        let line = Line::try_parse_from(words.split(' ')).unwrap();
        let ports: Vec<u16> = line.bench.relays().iter().map(|server| server.address.port()).collect();
        assert_eq!(ports, [1, 2]);
    }
}
