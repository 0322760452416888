//! Reads the command line, does what it says, and turns failures into exit codes: 2 for bad usage or
//! settings, 1 for everything else.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use seatkeeper::cli::{Cli, Command, SettingFlags, describe_values};
use seatkeeper::config::{Adapters, Config, SettingsError};

/// Why the program ends early.
enum Failure {
    Settings(SettingsError),
    Other(Box<dyn std::error::Error>),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Check(flags) => check(flags),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Settings(error)) => fail(&error, 2),
        Err(Failure::Other(error)) => fail(error.as_ref(), 1),
    }
}

/// Prints what is set even when some of it is wrong: that is when one wants to see it.
fn check(flags: SettingFlags) -> Result<(), Failure> {
    let values = flags.gather(std::env::vars_os().collect())?;
    io::stdout().write_all(describe_values(&values).as_bytes())?;
    Config::from_values(&values, Adapters::BUILT_IN)?;
    Ok(())
}

fn fail(error: &dyn std::error::Error, code: u8) -> ExitCode {
    // Nowhere is left to report that standard error is closed.
    let _ = writeln!(io::stderr(), "seatkeeper: {error}");
    ExitCode::from(code)
}

impl From<SettingsError> for Failure {
    fn from(error: SettingsError) -> Self {
        Self::Settings(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Other(error.into())
    }
}
