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
    floor::answers::{self, Exchange},
    meter::{Costs, Meter},
    outcome::Outcome,
    relay::RelayMeter,
    report::{Report, Unit},
    server::Server,
    target::{PEOPLE_MAX, Target},
    times::Times,
    visitor::{Call, Stage, Visitor},
    watch::audience,
};

/// Limit of requests per person.
const REQUESTS_MAX: u64 = 100_000_000;

/// People lock and unlock seats.
#[derive(Debug, Args)]
pub(crate) struct LockBench {
    #[command(flatten)]
    pub(crate) target: Target,
    /// How many people, each with a connection of their own.
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u64).range(1..=PEOPLE_MAX))]
    pub(crate) people: u64,
    /// Each person stops after this many requests, whatever time they take: for a profiler that counts instructions.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=REQUESTS_MAX))]
    pub(crate) requests: Option<u64>,
    /// Another server of the same cinema, which shows another screening to one viewer. Any one of the servers may be the one
    /// that relays the events.
    #[arg(long = "relay-url", value_name = "URL", value_parser = Server::parse)]
    pub(crate) relay_urls: Vec<Server>,
    /// CPU time of Redis for the bare function of a lock, in microseconds.
    #[arg(skip)]
    pub(crate) redis_floor_us: Option<f64>,
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
struct Tally {
    times: Times,
    locked: u64,
    unlocked: u64,
    taken: u64,
    throttled: u64,
}

impl Tally {
    fn new() -> Outcome<Self> {
        Ok(Self { times: Times::new()?, locked: 0, unlocked: 0, taken: 0, throttled: 0 })
    }

    fn merge(&mut self, other: &Self) -> Outcome<()> {
        self.locked += other.locked;
        self.unlocked += other.unlocked;
        self.taken += other.taken;
        self.throttled += other.throttled;
        self.times.merge(&other.times)
    }
}

pub(super) async fn run(bench: LockBench) -> Outcome<Report> {
    let server = &bench.target.url;
    let mut people = Visitor::sign_in_people(server, bench.people).await?;
    let first = people.first_mut().ok_or("there are no people")?;
    let stage = first.find_stage().await?;
    let exchanges = record(first, &stage).await?;
    let spare = first.connect_again(server).await?;
    let mut viewers = JoinSet::new();
    for other in &bench.relay_urls {
        viewers.spawn(audience::look(audience::join(other, &stage.other_screening_id).await?));
    }
    // Without --pid there is no measurement at rest: its wait would count in a profiler.
    let mut meter = Meter::start(&bench.target).await?;
    for person in &mut people {
        person.reconnect(server).await?;
    }
    let relay = RelayMeter::start(bench.relays()).await?;
    if let Some(meter) = &mut meter {
        meter.restart().await?;
    }
    let started = Instant::now();
    let until = bench.requests.map_or_else(|| Until::Time(started + bench.target.duration()), Until::Requests);
    let mut busy = JoinSet::new();
    for (seed, person) in (0..).zip(people) {
        busy.spawn(lock_and_unlock(person, stage.clone(), until, seed));
    }
    let mut tally = Tally::new()?;
    while let Some(done) = busy.join_next().await {
        tally.merge(&done??)?;
    }
    let took = started.elapsed();
    let mut report = describe(&bench, &stage, &tally, took);
    if let Some(mut meter) = meter {
        meter.load_ended().await?;
        // Events of released seats are stored, relayed and audited after the answer.
        let costs = meter.finish(tally.times.total(), "request", Some(relay)).await?;
        let floor = answers::measure(&spare, bench.people, &exchanges, bench.target.duration()).await?;
        add_figures(&mut report, &bench, &tally, &costs, floor.each_us / exchanges.len() as f64);
        report.lines.extend(costs.lines);
    }
    Ok(report)
}

/// A lock and its release, for the floor.
async fn record(person: &mut Visitor, stage: &Stage) -> Outcome<Vec<Exchange>> {
    let body = stage.lock_body(stage.seats.first().ok_or("no free seat")?);
    let mut exchanges = Vec::new();
    for method in [Method::POST, Method::DELETE] {
        let call = Call::new(method, "/api/lock", body.clone());
        let answer = person.send(&call).await?;
        exchanges.push((call, answer));
    }
    Ok(exchanges)
}

fn add_figures(report: &mut Report, bench: &LockBench, tally: &Tally, costs: &Costs, floor_us: f64) {
    let what = format!("a lock or unlock, {} people", bench.people);
    if bench.target.parts.is_empty() {
        report.add_server_cpu("P1", what, costs, floor_us);
        return;
    }
    report.add_server_cpu("P2", format!("{what}, cluster: the server"), costs, floor_us);
    let others = [("second", "a server that shows another screening", None), ("redis", "Redis", bench.redis_floor_us)];
    for (part, name, floor_us) in others {
        if let Some(each) = costs.each(part) {
            report.add_figure("P2", format!("{what}, cluster: {name}"), Unit::CPU, each * 1e6, floor_us);
        }
    }
    if let Some(each) = costs.each("mongodb writes") {
        // `each` is for one request, of which about half are releases.
        let writes = each * tally.times.total() as f64 / tally.unlocked.max(1) as f64;
        report.add_figure(
            "P3",
            "MongoDB's writes for a lock and its release".to_owned(),
            Unit::Cost("writes"),
            writes,
            None,
        );
    }
    if let Some(rest) = costs.rest_per_s("redis commands") {
        let servers = bench.relays().len() as f64;
        report.add_figure(
            "P9",
            "an idle Redis, for each server".to_owned(),
            Unit::Cost("commands/s"),
            rest / servers,
            None,
        );
    }
}

async fn lock_and_unlock(mut person: Visitor, stage: Stage, until: Until, seed: u64) -> Outcome<Tally> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut tally = Tally::new()?;
    // The end is checked only between pairs of requests, so that every locked seat is released.
    while !until.is_reached(tally.times.total()) {
        let body = stage.lock_body(&stage.seats[random.random_range(0..stage.seats.len())]);
        match timed(&mut person, Method::POST, body.clone(), &mut tally.times).await? {
            StatusCode::OK => tally.locked += 1,
            StatusCode::CONFLICT => {
                tally.taken += 1;
                continue;
            }
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                tally.throttled += 1;
                continue;
            }
            other => return Err(format!("locking a seat was answered {other}").into()),
        }
        match timed(&mut person, Method::DELETE, body, &mut tally.times).await? {
            StatusCode::OK => tally.unlocked += 1,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => tally.throttled += 1,
            other => return Err(format!("unlocking a seat was answered {other}").into()),
        }
    }
    Ok(tally)
}

async fn timed(person: &mut Visitor, method: Method, body: Bytes, times: &mut Times) -> Outcome<StatusCode> {
    let asked = Instant::now();
    let status = person.call(method, "/api/lock", body).await?.status;
    times.add(asked.elapsed());
    Ok(status)
}

fn describe(bench: &LockBench, stage: &Stage, tally: &Tally, took: Duration) -> Report {
    let requests = tally.times.total();
    let rate = requests as f64 / took.as_secs_f64();
    let (people, seats, seconds) = (bench.people, stage.seats.len(), took.as_secs_f64());
    let Tally { locked, unlocked, taken, throttled, .. } = tally;
    let lines = vec![
        format!("load          {people} people, {seats} seats, {seconds:.1} s"),
        format!("requests      {requests}, {rate:.0} a second"),
        tally.times.line(),
        format!("answers       {locked} locked, {unlocked} released, {taken} seat_taken, {throttled} throttled"),
    ];
    Report { lines, ..Report::default() }
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
