//! `seatkeeper bench`: load tests against a running server on the same machine, with its throughput, latency and CPU
//! cost. Bounded in people, connections and time.

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

/// Limit of the duration, in seconds.
const SECONDS_MAX: u64 = 600;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Which load to run.
#[derive(Debug, Subcommand)]
pub enum Bench {
    /// People lock and unlock seats; the demo provider signs them in.
    Lock(lock::LockBench),
    /// Viewers watch a screening while somebody locks and unlocks its seats.
    Watch(watch::WatchBench),
}

/// The server to put under load.
#[derive(Debug, Args)]
struct Target {
    /// The server's address, a loopback address; start it with `--demo --rate-limit=off`.
    #[arg(long, value_name = "URL", value_parser = Server::parse)]
    url: Server,
    /// How long, in seconds.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=SECONDS_MAX))]
    seconds: u64,
    /// Process id of the server, to measure its CPU time.
    #[arg(long)]
    pid: Option<u32>,
    /// Name and process id of a part that the server uses, to measure its CPU time: `--part redis=123 --part kafka=125`.
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

/// Runs one load and prints the command and the results, a line each.
///
/// # Errors
/// The server does not answer, has no screening, or answers with an unexpected status.
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
