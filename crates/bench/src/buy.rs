//! Load: people buy seats. A purchase is a lock, a payment and its confirmation; each has an idempotency key, as in the page.

use std::{
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use clap::Args;
use hyper::{Method, StatusCode, header::HeaderName};
use serde_json::{Value, json};
use tokio::{
    process::{Child, Command},
    task::JoinSet,
    time::sleep,
};

use crate::{
    floor::answers::{self, Exchange},
    floor::sync,
    meter::{Costs, Meter},
    outcome::Outcome,
    programme::{self, ForSale},
    relay::RelayMeter,
    report::{Report, Unit},
    target::{PEOPLE_MAX, Target},
    times::Times,
    visitor::{Call, Visitor},
};

/// More than any server sells in a second on one machine: so many seats are put on sale for each second of the load.
pub(super) const SEATS_PER_SECOND: u64 = 3_000;
const SEATS_MAX: u64 = 1_000_000;
const RELEASES_MAX: u64 = 1_000_000;
/// The page's other method draws a QR code for each payment.
const METHOD: &str = "mock_card";
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Wait before a request is sent again that was answered "later" or "not decided yet".
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(50);
/// Then the server is broken: 30 seconds.
const ASK_AGAIN_MAX: u32 = 600;

/// People buy seats.
#[derive(Debug, Args)]
pub(crate) struct BuyBench {
    #[command(flatten)]
    pub(crate) target: Target,
    /// How many people, each with a connection of their own.
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u64).range(1..=PEOPLE_MAX))]
    pub(crate) people: u64,
    /// Seats to put on sale; the load ends when all are sold. By default more than can be sold in the time.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=SEATS_MAX))]
    pub(crate) seats: Option<u64>,
    /// Count the server's calls of `fdatasync` with `perf`, which must be allowed to trace it.
    #[arg(long, requires = "pid")]
    pub(crate) fdatasync: bool,
    /// Before they buy, the people lock and release seats so often: the events of these releases are still being stored while
    /// they buy.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=RELEASES_MAX))]
    pub(crate) after_releases: u64,
}

/// The seats, sold in order, so that no two people want the same one.
pub(super) struct Sale {
    seats: Vec<ForSale>,
    next: AtomicUsize,
}

/// What people bought.
pub(super) struct Tally {
    times: Times,
    throttled: u64,
    took: Duration,
}

pub(super) async fn run(bench: BuyBench) -> Outcome<Report> {
    let server = &bench.target.url;
    let mut people = Visitor::sign_in_people(server, bench.people).await?;
    let first = people.first_mut().ok_or("there are no people")?;
    let sale = Sale::open(first, bench.seats.unwrap_or(SEATS_PER_SECOND * bench.target.seconds)).await?;
    let (exchanges, _) = sale.buy_next(first).await?.ok_or("no seats")?;
    let spare = first.connect_again(server).await?;
    let mut meter = Meter::start(&bench.target).await?;
    for person in &mut people {
        person.reconnect(server).await?;
    }
    let relay = RelayMeter::start(vec![server.clone()]).await?;
    people = lock_and_release(people, &sale.seats, bench.after_releases / bench.people).await?;
    if let Some(meter) = &mut meter {
        meter.restart().await?;
    }
    let fsyncs = bench.fdatasync.then(|| FsyncCount::start(bench.target.pid));
    let (_, tally) = Arc::new(sale).sell(people, bench.target.duration()).await?;
    let mut report = describe(&bench, &tally)?;
    if let Some(fsyncs) = fsyncs {
        let what = format!("a whole purchase, {} people: in one `fdatasync`", bench.people);
        let counted = match fsyncs {
            Ok(count) => count.finish().await,
            Err(error) => Err(error),
        };
        match counted {
            Ok(count) => {
                let each = tally.times.total() as f64 / count as f64;
                report.add_figure("P10", what, Unit::Rate("purchases"), each, None);
            }
            Err(error) => report.lines.push(format!("not measured  {what}: {error}")),
        }
    }
    if let Some(mut meter) = meter {
        meter.load_ended().await?;
        // The events and mails of bookings are stored, sent and audited after the answer.
        let costs = meter.finish(tally.times.total(), "purchase", Some(relay)).await?;
        let floor = answers::measure(&spare, bench.people, &exchanges, bench.target.duration()).await?;
        add_figures(&mut report, &bench, &costs, floor, tally.per_second());
        report.lines.extend(costs.lines);
    }
    Ok(report)
}

fn describe(bench: &BuyBench, tally: &Tally) -> Outcome<Report> {
    let people = bench.people;
    let mut report = Report { lines: tally.lines(people).into(), ..Report::default() };
    let p50_ms = tally.times.percentile_ms(50.0);
    if !bench.target.parts.is_empty() {
        let what = format!("{}: p50", bench.what());
        report.add_figure("P4b", what, Unit::Cost("ms"), p50_ms, None);
    } else if people == 1 {
        let what = "a whole purchase, 1 person: p50, floor one `fdatasync`".to_owned();
        report.add_figure("P4", what, Unit::Cost("ms"), p50_ms, Some(sync::median_ms()?));
    }
    Ok(report)
}

fn add_figures(report: &mut Report, bench: &BuyBench, costs: &Costs, floor: answers::Cost, per_second: f64) {
    let what = bench.what();
    if bench.target.parts.is_empty() {
        report.add_server_cpu("P4", what.clone(), costs, floor.each_us);
        report.add_figure("P4", what, Unit::Rate("purchases/s"), per_second, Some(floor.per_second));
        return;
    }
    report.add_server_cpu("P4b", format!("{what}: the server"), costs, floor.each_us);
    if let Some(each) = costs.each("mongodb operations") {
        let what = format!("{what}: MongoDB");
        report.add_figure("P4b", what, Unit::Cost("operations"), each, None);
    }
}

impl BuyBench {
    fn what(&self) -> String {
        let mode = if self.target.parts.is_empty() { "" } else { ", cluster" };
        let after =
            if self.after_releases > 0 { format!(", after {} releases", self.after_releases) } else { String::new() };
        format!("a whole purchase, {} people{mode}{after}", self.people)
    }
}

/// Each person locks and releases a seat so many times, all at once.
async fn lock_and_release(people: Vec<Visitor>, seats: &[ForSale], times: u64) -> Outcome<Vec<Visitor>> {
    let mut busy = JoinSet::new();
    // The last seats, because the first ones are sold already.
    for (mut person, seat) in people.into_iter().zip(seats.iter().rev().cycle().cloned()) {
        busy.spawn(async move {
            let body = json!({ "screening_id": seat.screening_id, "seat_ids": [seat.seat_id] });
            for _ in 0..times {
                for method in [Method::POST, Method::DELETE] {
                    let call = Call::new(method, "/api/lock", body.to_string());
                    send_until(&mut person, call, StatusCode::OK, &mut 0).await?;
                }
            }
            Outcome::Ok(person)
        });
    }
    busy.join_all().await.into_iter().collect()
}

impl Sale {
    /// Puts so many seats on sale. The person must be an administrator.
    pub(super) async fn open(admin: &mut Visitor, seats: u64) -> Outcome<Self> {
        Ok(Self { seats: programme::open(admin, seats).await?, next: AtomicUsize::new(0) })
    }

    /// All people buy one seat after the other for this long. Returns them, and what they bought together.
    pub(super) async fn sell(self: &Arc<Self>, people: Vec<Visitor>, time: Duration) -> Outcome<(Vec<Visitor>, Tally)> {
        let started = Instant::now();
        let mut busy = JoinSet::new();
        for mut person in people {
            let sale = Arc::clone(self);
            busy.spawn(async move {
                let (times, throttled) = sale.sell_to(&mut person, started + time).await?;
                Outcome::Ok((person, times, throttled))
            });
        }
        let (mut people, mut times, mut throttled) = (Vec::new(), Times::new()?, 0);
        while let Some(done) = busy.join_next().await {
            let (person, its_times, its_throttled) = done??;
            people.push(person);
            times.merge(&its_times)?;
            throttled += its_throttled;
        }
        Ok((people, Tally { times, throttled, took: started.elapsed() }))
    }

    async fn sell_to(&self, person: &mut Visitor, end: Instant) -> Outcome<(Times, u64)> {
        let (mut times, mut throttled) = (Times::new()?, 0);
        while Instant::now() < end {
            let began = Instant::now();
            let Some((_, throttles)) = self.buy_next(person).await? else { break };
            times.add(began.elapsed());
            throttled += throttles;
        }
        Ok((times, throttled))
    }

    /// Buys the next seat; `None` when all are sold. Returns the three requests with their answers, and how often it was throttled.
    pub(super) async fn buy_next(&self, person: &mut Visitor) -> Outcome<Option<(Vec<Exchange>, u64)>> {
        let index = self.next.fetch_add(1, Relaxed);
        let Some(seat) = self.seats.get(index) else { return Ok(None) };
        Ok(Some(buy(person, seat, index).await?))
    }
}

impl Tally {
    pub(super) fn per_second(&self) -> f64 {
        self.times.total() as f64 / self.took.as_secs_f64()
    }

    /// Lines for the report.
    pub(super) fn lines(&self, people: u64) -> [String; 3] {
        let (bought, rate, throttled) = (self.times.total(), self.per_second(), self.throttled);
        [
            format!("load          {people} people, {:.1} s", self.took.as_secs_f64()),
            format!("purchases     {bought}, {rate:.0} a second, {throttled} throttled answers"),
            self.times.line(),
        ]
    }
}

/// Buys a seat. Returns the three requests with their answers, and how often it was throttled.
async fn buy(person: &mut Visitor, seat: &ForSale, index: usize) -> Outcome<(Vec<Exchange>, u64)> {
    let ForSale { screening_id, seat_id } = seat;
    let post = |path: &str, body: Value| Call::new(Method::POST, path, body.to_string());
    let mut throttled = 0;
    let lock = post("/api/lock", json!({ "screening_id": screening_id, "seat_ids": [seat_id] }));
    let locked = send_until(person, lock, StatusCode::OK, &mut throttled).await?;
    let pay = post("/api/payments", json!({ "screening_id": screening_id, "method": METHOD }));
    let pay = pay.with_header(IDEMPOTENCY_KEY, &format!("pay-{index}"));
    let paying = send_until(person, pay, StatusCode::CREATED, &mut throttled).await?;
    let payment: Value = serde_json::from_slice(&paying.1.body)?;
    let id = payment["id"].as_str().ok_or("a payment without an id")?;
    let confirm = post(&format!("/api/payments/{id}/confirm"), json!({ "outcome": "success" }));
    let confirm = confirm.with_header(IDEMPOTENCY_KEY, &format!("confirm-{index}"));
    let confirmed = send_until(person, confirm, StatusCode::OK, &mut throttled).await?;
    Ok((vec![locked, paying, confirmed], throttled))
}

/// Sends a request until it is answered with this status. Overload and an outcome that is not known yet are asked again.
async fn send_until(person: &mut Visitor, call: Call, wanted: StatusCode, throttled: &mut u64) -> Outcome<Exchange> {
    for _ in 0..ASK_AGAIN_MAX {
        let answer = person.send(&call).await?;
        match answer.status {
            status if status == wanted => return Ok((call, answer)),
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE | StatusCode::ACCEPTED => *throttled += 1,
            status => {
                let why = String::from_utf8_lossy(&answer.body);
                return Err(format!("{} was answered {status}: {why}", call.path).into());
            }
        }
        sleep(ASK_AGAIN_AFTER).await;
    }
    Err(format!("{} was throttled too often", call.path).into())
}

/// Counts the calls of `fdatasync` by all threads of a process, from its start until `finish`.
struct FsyncCount(Child);

impl FsyncCount {
    const EVENT: &str = "syscalls:sys_enter_fdatasync";

    fn start(pid: Option<u32>) -> Outcome<Self> {
        let pid = pid.ok_or("no process")?.to_string();
        // `perf` counts until its command ends, and `cat` ends when its input is closed.
        let words = ["stat", "-x", ",", "-e", Self::EVENT, "-p", &pid, "cat"];
        let perf = Command::new("perf").args(words).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn();
        Ok(Self(perf.map_err(|error| format!("perf: {error}"))?))
    }

    async fn finish(mut self) -> Outcome<u64> {
        drop(self.0.stdin.take());
        let output = self.0.wait_with_output().await?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let line = said.lines().find(|line| line.contains(Self::EVENT)).ok_or_else(|| format!("perf: {said}"))?;
        let count = line.split(',').next().unwrap_or_default();
        Ok(count.parse().map_err(|_| format!("perf: {line}"))?)
    }
}
