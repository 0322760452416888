//! The server under load, as named on the command line.

use std::time::Duration;

use clap::Args;

use crate::{part::Part, server::Server};

/// Limit of the duration, in seconds.
pub(crate) const SECONDS_MAX: u64 = 600;
/// Limit of concurrent people, each with one connection.
pub(crate) const PEOPLE_MAX: u64 = 4_096;

/// The server to put under load.
#[derive(Clone, Debug, Args)]
pub(crate) struct Target {
    /// The server's address, a loopback address; start it with `--demo --rate-limit=off --let-go-max=1000000`, and for more
    /// than 200 people with `--holders-per-address=1000000`.
    #[arg(long, value_name = "URL", value_parser = Server::parse)]
    pub(crate) url: Server,
    /// How long, in seconds.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=SECONDS_MAX))]
    pub(crate) seconds: u64,
    /// Process id of the server, to measure its CPU time during the load and afterwards, and then the floor.
    #[arg(long)]
    pub(crate) pid: Option<u32>,
    /// Name of a part that the server uses, with its process id to measure its CPU time, or with its URL to count its operations:
    /// `--part kafka=125 --part redis=redis://127.0.0.1:6379`.
    #[arg(long = "part", value_name = "NAME=PID", value_parser = Part::parse)]
    pub(crate) parts: Vec<Part>,
}

impl Target {
    pub(crate) const fn duration(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}
