//! `seatkeeper-bench`: load tests against a running server on the same machine, with its throughput, latency and CPU
//! cost. Bounded in people, connections and time.

mod histogram;
mod lock;
mod meter;
mod outcome;
mod relay;
mod server;
mod target;
mod visitor;
mod watch;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::Parser;

use self::outcome::Outcome;

/// Puts a running server on this machine under load and prints throughput, latency and CPU cost.
#[derive(Debug, Parser)]
#[command(name = "seatkeeper-bench", version, max_term_width = 100)]
enum Bench {
    /// People lock and unlock seats; the demo provider signs them in.
    Lock(lock::LockBench),
    /// Viewers watch a screening while somebody locks and unlocks its seats.
    Watch(watch::WatchBench),
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Bench::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The exit code tells the same to a caller whose standard error is closed.
            drop(writeln!(io::stderr(), "seatkeeper-bench: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Runs one load and prints the command and the results, a line each. Fails when the server does not answer, has no screening,
/// or answers with an unexpected status.
async fn run(bench: Bench) -> Outcome<()> {
    let command: Vec<String> = std::env::args().skip(1).collect();
    say(&format!("$ seatkeeper-bench {}", command.join(" ")))?;
    let lines = match bench {
        Bench::Lock(bench) => lock::run(bench).await?,
        Bench::Watch(bench) => watch::run(bench).await?,
    };
    lines.iter().try_for_each(|line| say(line))?;
    Ok(())
}

fn say(line: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{line}")
}
