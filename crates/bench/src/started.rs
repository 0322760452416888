//! Servers that this program starts; each ends when it is dropped.

use std::path::Path;

use seatkeeper_testbed::{Process, wait_until};
use tempfile::TempDir;
use tokio::process::Command;

use crate::{outcome::Outcome, server::Server};

/// What a server prints before its URL, once it accepts connections.
pub(super) const OPEN: &str = " is open: ";

/// A server in a temporary folder of its own.
pub(super) struct Started {
    pub(super) url: Server,
    pub(super) pid: u32,
    /// Declared before the folder, because the process writes into it.
    _process: Process,
    _folder: TempDir,
}

impl Started {
    /// Starts a program in `folder` and waits until it prints its URL.
    pub(super) async fn start(program: &Path, words: &[String], folder: TempDir) -> Outcome<Self> {
        let program = program.canonicalize().map_err(|error| format!("{}: {error}", program.display()))?;
        let command: Vec<String> =
            std::iter::once(program.display().to_string()).chain(words.iter().cloned()).collect();
        let process = Process::start("server", folder.path(), &command).await;
        let url = || process.log().lines().find_map(|line| Some(line.split_once(OPEN)?.1.to_owned()));
        wait_until("the server prints its URL", || async { url().is_some() }).await;
        let url = Server::parse(&url().ok_or("no URL")?)?;
        Ok(Self { url, pid: process.pid(), _process: process, _folder: folder })
    }

    /// Starts Seatkeeper with the demo cinema.
    pub(super) async fn seatkeeper(program: &Path, settings: &[String]) -> Outcome<Self> {
        let usual = "serve --demo --listen=127.0.0.1:0 --data-dir=data --rate-limit=off";
        // A few people of one address stand for a whole crowd. The limits are checked all the same, and so are measured.
        let crowd = "--seats-per-person-everywhere=1000000 --holders-per-address=1000000 --let-go-max=1000000";
        // A program of an earlier version, measured for comparison, has no such limits.
        let help = Command::new(program).args(["serve", "--help"]).output().await?.stdout;
        let crowd = if String::from_utf8_lossy(&help).contains("--let-go-max") { crowd } else { "" };
        let usual = usual.split(' ').chain(crowd.split_whitespace()).map(str::to_owned);
        let words: Vec<String> = usual.chain(settings.iter().cloned()).collect();
        Self::start(program, &words, tempfile::tempdir()?).await
    }

    /// Starts this program again as a floor, with these arguments.
    pub(super) async fn floor(words: &[String], folder: TempDir) -> Outcome<Self> {
        let words: Vec<String> = std::iter::once("floor".to_owned()).chain(words.iter().cloned()).collect();
        Self::start(&std::env::current_exe()?, &words, folder).await
    }
}
