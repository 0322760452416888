//! Every load, each against a server of its own, and one table: what was measured, the floor of the same run, and their ratio.

mod cluster;
mod rows;

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};
use tokio::process::Command;

use crate::{
    buy::{self, BuyBench},
    floor::sync,
    lock::{self, LockBench},
    outcome::Outcome,
    overload,
    read::{self, Coding, ReadBench},
    report::{Report, Unit, print_line, print_report},
    server::Server,
    started::Started,
    target::{SECONDS_MAX, Target},
    watch::{self, WatchBench},
};
use rows::{PEOPLE, Rows};

/// Buyers whose sales can share commits.
const CROWD: u64 = 256;
const VIEWERS: u64 = 1_000;
const CLICKS_PER_SECOND: u64 = 20;
/// Each pair of path and coding is read for so long: there are many pairs, and each request is short.
const READ_SECONDS: u64 = 1;
const ROUNDS_MAX: u64 = 100;

/// Measures programs in turn, round after round, and keeps the best value of each figure: other load on the machine only makes
/// it worse.
#[derive(Debug, Args)]
pub(crate) struct TableBench {
    /// A program to measure, with the name of its column: `--program after=target/release/seatkeeper`.
    #[arg(long = "program", required = true, value_name = "NAME=FILE", value_parser = parse_program)]
    programs: Vec<(String, PathBuf)>,
    /// How often each program is measured.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=ROUNDS_MAX))]
    rounds: u64,
    /// Seconds of each load; reads take one.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=SECONDS_MAX))]
    seconds: u64,
    /// Only these loads, instead of all four.
    #[arg(long = "load", value_enum, default_values_t = [Load::Lock, Load::Buy, Load::Read, Load::Watch])]
    loads: Vec<Load>,
    /// Also locks and purchases on two servers, on the MongoDB and Kafka that `seatkeeper-testbed` started.
    #[arg(long)]
    cluster: bool,
    /// The script that measures the page's scripts in a browser; needs Node and Chromium.
    #[arg(long, value_name = "FILE")]
    page_script: Option<PathBuf>,
    /// The program that measures a bare function of Redis: the example `redis_lock_cost` of `seatkeeper-cluster`.
    #[arg(long, value_name = "FILE")]
    redis_floor: Option<PathBuf>,
}

/// One kind of load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Load {
    /// Locks and releases.
    Lock,
    /// Purchases by one person, by some and by a crowd, and by ten times as many people as needed.
    Buy,
    /// What everybody reads, plain and compressed.
    Read,
    /// Viewers of one screening.
    Watch,
}

fn parse_program(text: &str) -> Result<(String, PathBuf), String> {
    let (name, file) =
        text.split_once('=').ok_or("a name and a file such as after=target/release/seatkeeper are expected")?;
    if name.is_empty() || !PathBuf::from(file).is_file() {
        return Err(format!("{file} is not a file, or has no name"));
    }
    Ok((name.to_owned(), PathBuf::from(file)))
}

pub(super) async fn run(bench: TableBench) -> Outcome<Report> {
    let names: Vec<&str> = bench.programs.iter().map(|(name, _)| name.as_str()).collect();
    let mut rows = Rows::new(&names);
    let bare_us = match &bench.redis_floor {
        Some(program) if bench.cluster => Some(cluster::bare_function_us(program).await?),
        _ => None,
    };
    for round in 1..=bench.rounds {
        let mut programs: Vec<_> = bench.programs.iter().enumerate().collect();
        // What runs first in a round is about a tenth cheaper, because the disk still writes what earlier loads have left.
        if round % 2 == 0 {
            programs.reverse();
        }
        for (column, (name, program)) in programs {
            let mut report = sync::report()?;
            for load in &bench.loads {
                print_line(&format!("— {load:?}, {name}, round {round} of {}", bench.rounds))?;
                let measured = Box::pin(embedded(&bench, program, *load)).await?;
                print_report(&measured)?;
                report.append(measured);
            }
            if bench.cluster {
                print_line(&format!("— Cluster, {name}, round {round} of {}", bench.rounds))?;
                let measured = Box::pin(cluster::measure(program, bare_us)).await?;
                print_report(&measured)?;
                report.append(measured);
            }
            report.figures.drain(..).for_each(|figure| rows.add(column, figure));
        }
    }
    let mut lines = vec![machine()?];
    lines.extend(rows.lines());
    Ok(Report { lines, ..Report::default() })
}

/// The machine and its load, without which the figures mean little.
fn machine() -> Outcome<String> {
    let cpus = fs::read_to_string("/proc/cpuinfo")?;
    let models: Vec<&str> =
        cpus.lines().filter_map(|line| line.strip_prefix("model name")?.split(": ").nth(1)).collect();
    let load = fs::read_to_string("/proc/loadavg")?;
    let load = load.split(' ').next().unwrap_or_default();
    Ok(format!(
        "{} cores of {}, load at the end {load}",
        models.len(),
        models.first().unwrap_or(&"an unknown processor")
    ))
}

/// Runs one kind of load, against fresh servers in embedded mode.
async fn embedded(bench: &TableBench, program: &Path, load: Load) -> Outcome<Report> {
    let seconds = bench.seconds;
    let target = |server: &Started, pid| Target { url: server.url.clone(), seconds, pid, parts: vec![] };
    let server = Started::seatkeeper(program, &[]).await?;
    let measured = target(&server, Some(server.pid));
    match load {
        Load::Lock => {
            lock::run(LockBench {
                target: measured,
                people: PEOPLE,
                requests: None,
                relay_urls: vec![],
                redis_floor_us: None,
            })
            .await
        }
        Load::Watch => {
            let (viewers, clicks) = (VIEWERS, CLICKS_PER_SECOND);
            watch::run(WatchBench { target: measured, viewers, clicks, clicks_url: None }).await
        }
        Load::Buy => {
            let buy = |target, people, fdatasync| {
                buy::run(BuyBench { target, people, seats: None, fdatasync, after_releases: 0 })
            };
            let mut report = Box::pin(buy(measured, PEOPLE, false)).await?;
            for (people, fdatasync) in [(1, false), (CROWD, true)] {
                let server = Started::seatkeeper(program, &[]).await?;
                let target = target(&server, fdatasync.then_some(server.pid));
                report.append(Box::pin(buy(target, people, fdatasync)).await?);
            }
            let server = Started::seatkeeper(program, &[]).await?;
            report.append(Box::pin(overload::run(&server.url, seconds)).await?);
            Ok(report)
        }
        Load::Read => {
            let target = Target { seconds: READ_SECONDS, ..measured };
            let paths = read::PATHS.map(str::to_owned).to_vec();
            let codings = vec![Coding::Plain, Coding::Gzip, Coding::Br];
            let mut report = Box::pin(read::run(ReadBench { target, people: PEOPLE, paths, codings })).await?;
            if let Some(script) = &bench.page_script {
                measure_page(script, &server.url, &mut report).await?;
            }
            Ok(report)
        }
    }
}

/// Size and number of the scripts that a browser loads before the seat map can be used.
async fn measure_page(script: &Path, server: &Server, report: &mut Report) -> Outcome<()> {
    let output = Command::new("node").arg(script).arg(format!("http://{}", server.host)).output().await?;
    let said = String::from_utf8_lossy(&output.stdout);
    let numbers: Vec<f64> = said.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let [bytes, scripts] = numbers[..] else {
        return Err(format!("{}: {}", script.display(), String::from_utf8_lossy(&output.stderr)).into());
    };
    let what = "scripts before the seat map is usable".to_owned();
    report.add_figure("P12", format!("{what}, compressed"), Unit::Cost("kB"), bytes / 1_000.0, None);
    report.add_figure("P12", what, Unit::Cost("files"), scripts, None);
    Ok(())
}
