//! Load: viewers watch one screening while a person locks and unlocks its seats.

use std::{sync::Arc, time::Instant};

use clap::Args;
use hyper::{Method, StatusCode};
use tokio::{
    task::JoinSet,
    time::{Duration, MissedTickBehavior, interval, sleep},
};

use crate::{
    outcome::Outcome,
    server::Server,
    target::Target,
    visitor::{Stage, Visitor},
};
use audience::{Audience, Seen};

mod audience;

/// Below the connection limit of a server and the number of ports of one client address.
const VIEWERS_MAX: u64 = 15_000;
/// Limit of locks and unlocks per second; one person sends them all.
const CLICKS_PER_SECOND_MAX: u64 = 1_000;
/// Wait after the last click, longer than the longest time for which a room gathers changes into one frame.
const LAST_FRAMES_WAIT: Duration = Duration::from_millis(700);

/// Viewers watch a screening.
#[derive(Debug, Args)]
pub(crate) struct WatchBench {
    #[command(flatten)]
    target: Target,
    /// Number of viewers, each with its own connection.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..=VIEWERS_MAX))]
    viewers: u64,
    /// Locks and unlocks per second.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=CLICKS_PER_SECOND_MAX))]
    clicks: u64,
    /// Server that receives the clicks, of the same cinema; by default the server that is watched.
    #[arg(long, value_name = "URL", value_parser = Server::parse)]
    clicks_url: Option<Server>,
}

pub(super) async fn run(bench: WatchBench) -> Outcome<Vec<String>> {
    let clicked = bench.clicks_url.as_ref().unwrap_or(&bench.target.url);
    let mut person = Visitor::sign_in(clicked, "bench-clicks@example.test").await?;
    let stage = person.find_stage().await?;
    let audience = Arc::new(Audience::new(&stage));
    let mut viewers = JoinSet::new();
    for index in 0..bench.viewers {
        let socket = audience::join(&bench.target.url, &stage.screening_id).await?;
        viewers.spawn(Arc::clone(&audience).watch(socket, index));
    }
    person.reconnect(clicked).await?;
    let meter = bench.target.meter()?;
    let before = audience.seen();
    let started = Instant::now();
    let clicks = click_on(&mut person, &stage, &audience, &bench).await?;
    sleep(LAST_FRAMES_WAIT).await;
    let took = started.elapsed();
    let seen = audience.seen().since(&before);
    let cpu = meter.lines(seen.frames, "delivery")?;
    if let Some(ended) = viewers.try_join_next() {
        return Err(format!("a viewer was closed: {:?}", ended?).into());
    }
    let mut lines = report(&bench, clicks, &seen, &audience, took);
    lines.extend(cpu);
    Ok(lines)
}

/// Locks and unlocks one seat after the other; returns the number of clicks.
async fn click_on(person: &mut Visitor, stage: &Stage, audience: &Audience, bench: &WatchBench) -> Outcome<u64> {
    let mut pace = interval(Duration::from_secs(1) / u32::try_from(bench.clicks)?);
    // Late clicks are delayed, not sent in a burst.
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let end = Instant::now() + bench.target.duration();
    let mut clicks = 0;
    for (index, seat) in stage.seats.iter().enumerate().cycle() {
        if Instant::now() >= end {
            break;
        }
        for (method, is_lock) in [(Method::POST, true), (Method::DELETE, false)] {
            pace.tick().await;
            audience.clicked(index, is_lock);
            let status = person.call(method, "/api/lock", stage.lock_body(seat)).await?.status;
            if status != StatusCode::OK {
                return Err(format!("a click on {seat} was answered {status}: is somebody else here?").into());
            }
            clicks += 1;
        }
    }
    Ok(clicks)
}

fn report(bench: &WatchBench, clicks: u64, seen: &Seen, audience: &Audience, took: Duration) -> Vec<String> {
    let Seen { frames, bytes, snapshots } = seen;
    let (viewers, rate) = (bench.viewers, *frames as f64 / took.as_secs_f64());
    let each = *bytes as f64 / (*frames).max(1) as f64;
    let share = *frames as f64 / (clicks * viewers).max(1) as f64;
    let delays = audience.delays();
    let (p50, p99) = (delays.percentile_ms(50), delays.percentile_ms(99));
    vec![
        format!("load          {viewers} viewers, {clicks} clicks, {:.1} s", took.as_secs_f64()),
        format!("deliveries    {frames}, {rate:.0} a second, {share:.3} for each change and viewer"),
        format!("click→frame   p50 {p50:.2} ms, p99 {p99:.2} ms ({} seen)", delays.total()),
        format!("frame         {each:.0} bytes, {snapshots} told to start over"),
    ]
}
