//! `seatkeeper bench`: puts a running server of this machine under load and prints what it did and what it cost.
//! Bounded in people, connections and time.

mod histogram;
mod lock;
mod meter;
mod relay;
mod server;
mod visitor;
mod watch;

use std::{
    error::Error,
    io::{self, Write},
    time::Duration,
};

use clap::{Args, Subcommand};

use self::{
    meter::{CpuMeter, Part},
    server::Server,
};

/// The longest that a load may last, in seconds.
const SECONDS_MAX: u64 = 600;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// What is measured.
#[derive(Debug, Subcommand)]
pub enum Bench {
    /// People lock and unlock seats; the demo provider signs them in.
    Lock(lock::LockBench),
    /// Viewers watch a screening while somebody locks and unlocks its seats.
    Watch(watch::WatchBench),
}

/// The server under load.
#[derive(Debug, Args)]
struct Target {
    /// Where it is: a loopback address; start it with `--demo --rate-limit=off`.
    #[arg(long, value_name = "URL", value_parser = Server::parse)]
    url: Server,
    /// How long, in seconds.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=SECONDS_MAX))]
    seconds: u64,
    /// The server's process: its CPU time is read before and after.
    #[arg(long)]
    pid: Option<u32>,
    /// What it runs on, and that process: `--part redis=123 --part kafka=125`. Its CPU time is printed beside the server's.
    #[arg(long = "part", value_name = "NAME=PID", value_parser = Part::parse)]
    parts: Vec<Part>,
}

impl Target {
    const fn duration(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    fn meter(&self) -> Outcome<CpuMeter> {
        CpuMeter::start(self.pid, &self.parts)
    }
}

/// Runs it and prints the command and the numbers, a line each.
///
/// # Errors
/// The server is not there, has no screening, or answers what it should not.
pub async fn run(bench: Bench) -> Result<(), Box<dyn Error + Send + Sync>> {
    let command: Vec<String> = std::env::args().skip(1).collect();
    say(&format!("$ seatkeeper {}", command.join(" ")))?;
    let lines = match bench {
        Bench::Lock(bench) => Box::pin(lock::run(bench)).await?,
        Bench::Watch(bench) => Box::pin(watch::run(bench)).await?,
    };
    lines.iter().try_for_each(|line| say(line))?;
    Ok(())
}

fn say(line: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{line}")
}
