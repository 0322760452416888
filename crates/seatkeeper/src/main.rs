//! The command line. Exit codes: 2 for bad usage or settings, 1 for every other failure.

use std::error::Error;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use rustix::fs::Mode;
use seatkeeper::cli::admin::{AdminCommand, add_admin};
use seatkeeper::cli::{Cli, Command, SettingFlags, describe_values};
use seatkeeper::config::{
    Adapters, Config, LogFormat, LogLevel, SettingsError, StorePlace, list_warnings, local_address,
};
use seatkeeper::copies::{self, CopyFailure};
use seatkeeper::health::ask_whether_ready;
use seatkeeper::serve::serve;
use seatkeeper::telemetry::start_log;
use seatkeeper::wiring::{WiringError, check_addresses};
use seatkeeper_core::email::EmailKey;
use url::Url;

/// The allocator. It returns the memory of large responses to the system soon after they were sent; the default
/// allocator retains most of it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Why a command failed.
enum Failure {
    Settings(Box<dyn Error + Send + Sync>),
    Other(Box<dyn Error + Send + Sync>),
}

fn main() -> ExitCode {
    // The program's files contain names, addresses and sessions. The umask protects them even in a folder that others
    // can read.
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
    let done = match Cli::parse().command {
        Command::Serve(flags) => start(flags),
        Command::Check(flags) => check(flags),
        Command::Admin(AdminCommand::Add { email, settings }) => appoint(settings, email),
        Command::Backup { file, flags } => copy(flags, &file, copies::back_up),
        Command::Restore { file, flags } => copy(flags, &file, copies::restore),
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

/// Runs the command `serve`. The settings are checked first, so that an invalid one is reported before any file or
/// service is opened.
fn start(flags: SettingFlags) -> Result<(), Failure> {
    let values = flags.gather(std::env::vars_os().collect())?;
    let config = Config::from_values(&values, Adapters::BUILT_IN)?;
    check_addresses(&config)?;
    start_log(config.log_level, config.log_format);
    for warning in list_warnings(&values, &config) {
        tracing::warn!("{warning}");
    }
    in_runtime(serve(config))
}

/// Runs the command `backup` or `restore`. It reads only the settings that locate the store, so that it works when
/// others are invalid.
fn copy(
    flags: SettingFlags,
    file: &Path,
    work: impl FnOnce(&StorePlace, &Path) -> Result<String, CopyFailure>,
) -> Result<(), Failure> {
    let place = Config::store_place_of(&flags.gather(std::env::vars_os().collect())?)?;
    // Warnings about the files go to standard error.
    start_log(LogLevel::Warn, LogFormat::Text);
    let said = work(&place, file)?;
    // The backup or restore is complete, even if its report cannot be written to standard output.
    Ok(io::stdout().write_all(said.as_bytes())?)
}

fn print_openapi() -> Result<(), Failure> {
    let document = serde_json::to_string_pretty(&seatkeeper_api::openapi_document())?;
    writeln!(io::stdout(), "{document}")?;
    Ok(())
}

/// Runs the command `admin add`.
fn appoint(settings: SettingFlags, email: EmailKey) -> Result<(), Failure> {
    let config = Config::store_of(&settings.gather(std::env::vars_os().collect())?, Adapters::BUILT_IN)?;
    // The files that SQLite creates beside the store contain names and addresses, as those of the server.
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
    in_runtime(async { Ok(writeln!(io::stdout(), "{}", add_admin(&config, email).await?)?) })
}

/// Runs the command `health`. Without `site` it checks the server with the settings of this environment, for the health
/// check of a container.
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

/// Runs the command `check`. The settings are printed before they are validated, because the table helps to find an
/// invalid value. Warnings do not change the exit code.
fn check(flags: SettingFlags) -> Result<(), Failure> {
    let values = flags.gather(std::env::vars_os().collect())?;
    // The settings are validated even if standard output is closed (as by a pipe to `head`).
    let shown = io::stdout().write_all(describe_values(&values).as_bytes());
    let config = Config::from_values(&values, Adapters::BUILT_IN)?;
    check_addresses(&config)?;
    for warning in list_warnings(&values, &config) {
        // When standard error is closed, the warning cannot be reported anywhere.
        let _ = writeln!(io::stderr(), "seatkeeper: warning: {warning}");
    }
    Ok(shown?)
}

/// Whether the reader of standard output has closed the pipe, as `head` does. This is not a failure of the command.
fn is_closed_pipe(error: &(dyn Error + 'static)) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn fail(error: &dyn Error, code: u8) -> ExitCode {
    // When standard error is closed, the failure cannot be reported anywhere.
    let _ = writeln!(io::stderr(), "seatkeeper: {error}");
    ExitCode::from(code)
}

impl From<SettingsError> for Failure {
    fn from(error: SettingsError) -> Self {
        Self::Settings(error.into())
    }
}

impl From<CopyFailure> for Failure {
    fn from(failure: CopyFailure) -> Self {
        match failure {
            CopyFailure::Mongo(_) => Self::Settings(failure.into()),
            CopyFailure::Folder(_) | CopyFailure::Copy(_) => Self::Other(failure.into()),
        }
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
