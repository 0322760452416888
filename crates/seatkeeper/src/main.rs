//! The command line. Exit codes: 2 for bad usage or settings, 1 for every other failure.

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use rustix::fs::Mode;
use seatkeeper::cli::{Cli, Command, SettingFlags, describe_values};
use seatkeeper::config::{Adapters, Config, SettingsError, local_address};
use seatkeeper::health::ask_whether_ready;
use seatkeeper::serve::serve;
use seatkeeper::telemetry::start_log;
use seatkeeper::wiring::{WiringError, check_addresses};
use url::Url;

/// Returns the memory of large responses to the system soon after they were sent; the default allocator retains most of it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Why a command failed.
enum Failure {
    Settings(Box<dyn Error + Send + Sync>),
    Other(Box<dyn Error + Send + Sync>),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Serve(flags) => start(flags),
        Command::Check(flags) => check(flags),
        Command::Openapi => print_openapi(),
        Command::Health { site } => check_health(site),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Settings(error)) => fail(error.as_ref(), 2),
        Err(Failure::Other(error)) if is_closed_pipe(error.as_ref()) => ExitCode::SUCCESS,
        Err(Failure::Other(error)) => fail(error.as_ref(), 1),
    }
}

/// Settings are checked first, so that a bad one fails the start before any file or service is opened.
fn start(flags: SettingFlags) -> Result<(), Failure> {
    let config = flags.load(std::env::vars_os().collect(), Adapters::BUILT_IN)?;
    check_addresses(&config)?;
    start_log(config.log_level, config.log_format);
    // The program's files contain names, addresses and sessions; the umask protects them even in a folder that others can read.
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
    in_runtime(serve(config))
}

fn print_openapi() -> Result<(), Failure> {
    let document = serde_json::to_string_pretty(&seatkeeper_api::openapi_document())?;
    writeln!(io::stdout(), "{document}")?;
    Ok(())
}

/// Without a site, checks the server of this environment's settings, as a container's health check does.
fn check_health(site: Option<Url>) -> Result<(), Failure> {
    let site = match site {
        Some(site) => site,
        None => {
            let values = SettingFlags::default().gather(std::env::vars_os().collect())?;
            Url::parse(&format!("http://{}", local_address(Config::listen_of(&values)?)))
                .map_err(|error| Failure::Other(error.into()))?
        }
    };
    in_runtime(ask_whether_ready(&site))
}

fn in_runtime(work: impl Future<Output = Result<(), Box<dyn Error + Send + Sync>>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    Ok(runtime.block_on(work)?)
}

/// Prints the settings before it validates them, because a table with the wrong value helps to find it.
fn check(flags: SettingFlags) -> Result<(), Failure> {
    let values = flags.gather(std::env::vars_os().collect())?;
    // A closed standard output (such as a pipe to `head`) does not skip the validation.
    let shown = io::stdout().write_all(describe_values(&values).as_bytes());
    check_addresses(&Config::from_values(&values, Adapters::BUILT_IN)?)?;
    Ok(shown?)
}

/// A reader such as `head` that closes the pipe early is not an error.
fn is_closed_pipe(error: &(dyn Error + 'static)) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn fail(error: &dyn Error, code: u8) -> ExitCode {
    // A closed standard error leaves nowhere to report the failure.
    let _ = writeln!(io::stderr(), "seatkeeper: {error}");
    ExitCode::from(code)
}

impl From<SettingsError> for Failure {
    fn from(error: SettingsError) -> Self {
        Self::Settings(error.into())
    }
}

impl From<WiringError> for Failure {
    fn from(error: WiringError) -> Self {
        Self::Settings(error.into())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Other(error.into())
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::Other(error.into())
    }
}

impl From<Box<dyn Error + Send + Sync>> for Failure {
    fn from(error: Box<dyn Error + Send + Sync>) -> Self {
        Self::Other(error)
    }
}
