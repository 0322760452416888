//! The server under load, as named on the command line.

use std::time::Duration;

use clap::Args;

use crate::{
    meter::{CpuMeter, Part},
    outcome::Outcome,
    server::Server,
};

/// Limit of the duration, in seconds.
const SECONDS_MAX: u64 = 600;

/// The server to put under load.
#[derive(Debug, Args)]
pub(crate) struct Target {
    /// The server's address, a loopback address; start it with `--demo --rate-limit=off`.
    #[arg(long, value_name = "URL", value_parser = Server::parse)]
    pub(crate) url: Server,
    /// How long, in seconds.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=SECONDS_MAX))]
    pub(crate) seconds: u64,
    /// Process id of the server, to measure its CPU time.
    #[arg(long)]
    pub(crate) pid: Option<u32>,
    /// Name and process id of a part that the server uses, to measure its CPU time: `--part redis=123 --part kafka=125`.
    #[arg(long = "part", value_name = "NAME=PID", value_parser = Part::parse)]
    pub(crate) parts: Vec<Part>,
}

impl Target {
    pub(crate) const fn duration(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    pub(crate) fn meter(&self) -> Outcome<CpuMeter> {
        CpuMeter::start(self.pid, &self.parts)
    }
}
