//! Load: viewers watch one screening while a person locks and unlocks its seats.

use std::{sync::Arc, time::Instant};

use clap::Args;
use hyper::{Method, StatusCode};
use tokio::{
    task::JoinSet,
    time::{Duration, MissedTickBehavior, interval, sleep},
};

use crate::{
    counter::resident_kib,
    floor::write::{self, Writes},
    meter::{Costs, Meter},
    outcome::Outcome,
    report::{Report, Unit},
    server::Server,
    target::Target,
    visitor::{Stage, Visitor},
};
use audience::{Audience, Seen};

pub(crate) mod audience;

/// Below the connection limit of a server and the number of ports of one client address.
const VIEWERS_MAX: u64 = 15_000;
/// Limit of locks and unlocks per second; one person sends them all.
const CLICKS_PER_SECOND_MAX: u64 = 1_000;
/// One in so many viewers joins before the memory of the others is measured, because the first ones open the room.
const EARLY_VIEWERS: u64 = 10;
/// Header of a WebSocket frame from a server that is shorter than 126 bytes, as that of one change is.
const FRAME_HEAD_BYTES: usize = 2;
/// Wait after the last click, longer than the longest time for which a room gathers changes into one frame.
const LAST_FRAMES_WAIT: Duration = Duration::from_millis(700);

/// Viewers watch a screening.
#[derive(Debug, Args)]
pub(crate) struct WatchBench {
    #[command(flatten)]
    pub(crate) target: Target,
    /// Number of viewers, each with its own connection.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..=VIEWERS_MAX))]
    pub(crate) viewers: u64,
    /// Locks and unlocks per second.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=CLICKS_PER_SECOND_MAX))]
    pub(crate) clicks: u64,
    /// Server that receives the clicks, of the same cinema; by default the server that is watched.
    #[arg(long, value_name = "URL", value_parser = Server::parse)]
    pub(crate) clicks_url: Option<Server>,
}

pub(super) async fn run(bench: WatchBench) -> Outcome<Report> {
    let clicked = bench.clicks_url.as_ref().unwrap_or(&bench.target.url);
    let mut person = Visitor::sign_in(clicked, "bench-clicks@example.test").await?;
    let stage = person.find_stage().await?;
    let audience = Arc::new(Audience::new(&stage)?);
    let mut viewers = JoinSet::new();
    let (early, mut early_kib) = (bench.viewers / EARLY_VIEWERS, None);
    for index in 0..bench.viewers {
        if index == early {
            early_kib = bench.target.pid.map(resident_kib).transpose()?;
        }
        let socket = audience::join(&bench.target.url, &stage.screening_id).await?;
        viewers.spawn(Arc::clone(&audience).watch(socket, index));
    }
    let all_kib = bench.target.pid.map(resident_kib).transpose()?;
    let mut meter = Meter::start(&bench.target).await?;
    person.reconnect(clicked).await?;
    let before = audience.seen();
    if let Some(meter) = &mut meter {
        meter.restart().await?;
    }
    let started = Instant::now();
    let clicks = click_on(&mut person, &stage, &audience, &bench).await?;
    sleep(LAST_FRAMES_WAIT).await;
    let took = started.elapsed();
    let seen = audience.seen().since(&before);
    let mut report = describe(&bench, clicks, &seen, &audience, took);
    if let Some(mut meter) = meter {
        meter.load_ended().await?;
        let costs = meter.finish(seen.frames, "delivery", None).await?;
        if let Some(ended) = viewers.try_join_next() {
            return Err(format!("a viewer was closed: {:?}", ended?).into());
        }
        drop(viewers);
        let viewer_kib =
            early_kib.zip(all_kib).map(|(early_kib, all_kib)| (all_kib - early_kib) / (bench.viewers - early) as f64);
        add_figures(&mut report, &bench, clicks, &seen, &costs, viewer_kib).await?;
        report.lines.extend(costs.lines);
    }
    Ok(report)
}

/// The floor writes as many bytes at the same pace to as many connections.
async fn add_figures(
    report: &mut Report,
    bench: &WatchBench,
    clicks: u64,
    seen: &Seen,
    costs: &Costs,
    viewer_kib: Option<f64>,
) -> Outcome<()> {
    let viewers = usize::try_from(bench.viewers)?;
    let bytes = usize::try_from(seen.bytes / seen.frames.max(1))? + FRAME_HEAD_BYTES;
    let (writes, per_second) = (u32::try_from(clicks)?, u32::try_from(bench.clicks)?);
    let floor = write::measure(Writes { viewers, writes, per_second, bytes }).await?;
    report.add_server_cpu("P7", format!("a change to a viewer, {viewers} viewers"), costs, floor.write_us);
    if let Some(viewer_kib) = viewer_kib {
        report.add_figure("P8", "an idle viewer".to_owned(), Unit::Cost("KiB"), viewer_kib, Some(floor.connection_kib));
    }
    Ok(())
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

fn describe(bench: &WatchBench, clicks: u64, seen: &Seen, audience: &Audience, took: Duration) -> Report {
    let Seen { frames, bytes, snapshots } = seen;
    let (viewers, rate) = (bench.viewers, *frames as f64 / took.as_secs_f64());
    let each = *bytes as f64 / (*frames).max(1) as f64;
    let share = *frames as f64 / (clicks * viewers).max(1) as f64;
    let delays = audience.delays();
    let (p50, p99) = (delays.percentile_ms(50.0), delays.percentile_ms(99.0));
    let lines = vec![
        format!("load          {viewers} viewers, {clicks} clicks, {:.1} s", took.as_secs_f64()),
        format!("deliveries    {frames}, {rate:.0} a second, {share:.3} for each change and viewer"),
        format!("click→frame   p50 {p50:.2} ms, p99 {p99:.2} ms ({} seen)", delays.total()),
        format!("frame         {each:.0} bytes, {snapshots} told to start over"),
    ];
    Report { lines, ..Report::default() }
}
