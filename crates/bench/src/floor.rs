//! Floors: the least that the same work costs on this machine without Seatkeeper, measured in the same run. A server of a
//! floor is a process of its own, as the server under test is.

pub(super) mod answers;
pub(super) mod sync;
pub(super) mod write;

use std::path::PathBuf;

use clap::Subcommand;

use crate::{outcome::Outcome, report::Report};

/// A floor on its own; the loads start the first two themselves.
#[derive(Debug, Subcommand)]
pub(crate) enum Floor {
    /// A bare HTTP server that parses a JSON body and answers recorded bytes.
    Answers {
        /// The recorded answers.
        file: PathBuf,
    },
    /// A bare server that writes the same bytes to every connection, at a fixed rate.
    Write(write::Writes),
    /// `fdatasync` of a file that was extended before.
    Fdatasync,
}

pub(super) async fn run(floor: Floor) -> Outcome<Report> {
    match floor {
        Floor::Answers { file } => answers::serve(&file).await?,
        Floor::Write(writes) => write::serve(&writes).await?,
        Floor::Fdatasync => return sync::report(),
    }
    Ok(Report::default())
}
