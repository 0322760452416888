//! `seatkeeper-testbed COMMAND…` runs a command together with a private MongoDB and Kafka, for tests that are not
//! written in Rust. Environment variables give their addresses to the command, and both servers end with it. A server
//! whose variable is already set is not started.
//!
//! Redis is not included: the background jobs of a program sweep all data of a Redis, so programs cannot share one.
//! Each user starts a Redis of its own.

#![expect(clippy::expect_used, reason = "a failure should name the missing server")]

use std::process::ExitCode;

use seatkeeper_testbed::{KafkaServer, MongoServer};
use tokio::{
    process::{Child, Command},
    signal::unix::{SignalKind, signal},
};

/// The environment variable with the process id of the started MongoDB, for a command that measures it.
const MONGODB_PID_VARIABLE: &str = "SEATKEEPER_TEST_MONGODB_PID";
const KAFKA_PID_VARIABLE: &str = "SEATKEEPER_TEST_KAFKA_PID";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let words: Vec<_> = std::env::args_os().skip(1).collect();
    let (program, arguments) = words.split_first().expect("usage: seatkeeper-testbed COMMAND [ARGUMENT…]");
    let is_wanted = |variable| std::env::var_os(variable).is_none();
    let mut command = Command::new(program);
    command.args(arguments);

    let mut mongo = None;
    if is_wanted(MongoServer::URL_VARIABLE) {
        let server = mongo.insert(MongoServer::start().await);
        command.env(MongoServer::URL_VARIABLE, server.url(""));
        command.env(MONGODB_PID_VARIABLE, server.process().pid().to_string());
    }
    let mut kafka = None;
    if is_wanted(KafkaServer::URL_VARIABLE) {
        let server = kafka.insert(KafkaServer::start().await);
        command.env(KafkaServer::URL_VARIABLE, format!("kafka://{}", server.brokers()));
        command.env(KAFKA_PID_VARIABLE, server.pid().to_string());
    }

    let code = run(command.spawn().expect("the command cannot be started")).await;
    // The folder of a server can only be removed after the server has stopped writing to it.
    if let Some(server) = &mut mongo {
        server.process().kill().await;
    }
    if let Some(server) = &mut kafka {
        server.kill().await;
    }
    code
}

/// Waits for the end of the command, and forwards SIGTERM to it.
async fn run(mut child: Child) -> ExitCode {
    let mut interrupted = signal(SignalKind::interrupt()).expect("signals");
    let mut terminated = signal(SignalKind::terminate()).expect("signals");
    loop {
        tokio::select! {
            status = child.wait() => {
                let code = status.expect("the command was started").code().and_then(|code| u8::try_from(code).ok());
                return code.map_or(ExitCode::FAILURE, ExitCode::from);
            }
            // At Ctrl-C the terminal has sent SIGINT to the command as well, so there is nothing to forward.
            _ = interrupted.recv() => {}
            _ = terminated.recv() => {
                let pid = child.id().map(|pid| pid.to_string()).unwrap_or_default();
                let _ = Command::new("kill").args(["-TERM", &pid]).status().await;
            }
        }
    }
}
