//! `seatkeeper-bench`: load tests against a running server on the same machine, with its throughput, latency and CPU
//! cost. Bounded in people, connections and time.

mod buy;
mod counter;
mod floor;
mod load;
mod lock;
mod meter;
mod outcome;
mod overload;
mod part;
mod programme;
mod read;
mod relay;
mod report;
mod server;
mod started;
mod table;
mod target;
mod times;
mod visitor;
mod watch;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::Parser;

use self::{
    outcome::Outcome,
    report::{print_line, print_report},
};

/// Puts a running server on this machine under load and prints throughput, latency and CPU cost.
#[derive(Debug, Parser)]
#[command(name = "seatkeeper-bench", version, max_term_width = 100)]
enum Bench {
    /// People lock and unlock seats; the demo provider signs them in.
    Lock(lock::LockBench),
    /// Viewers watch a screening while somebody locks and unlocks its seats.
    Watch(watch::WatchBench),
    /// People buy a seat each, again and again: lock, pay, confirm. Needs a server to which nobody has signed in yet.
    Buy(buy::BuyBench),
    /// People read the front page, the lists, a screening and its seats.
    Read(read::ReadBench),
    /// Runs one floor: the same kind of work (HTTP answers, socket writes or `fdatasync`) without Seatkeeper, for comparison.
    #[command(subcommand)]
    Floor(floor::Floor),
    /// Starts the servers itself, runs every load, and prints one table.
    Table(table::TableBench),
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
    print_line(&format!("$ seatkeeper-bench {}", command.join(" ")))?;
    let report = match bench {
        Bench::Lock(bench) => Box::pin(lock::run(bench)).await?,
        Bench::Watch(bench) => Box::pin(watch::run(bench)).await?,
        Bench::Buy(bench) => Box::pin(buy::run(bench)).await?,
        Bench::Read(bench) => Box::pin(read::run(bench)).await?,
        Bench::Floor(floor) => Box::pin(floor::run(floor)).await?,
        Bench::Table(bench) => Box::pin(table::run(bench)).await?,
    };
    print_report(&report)?;
    Ok(())
}
