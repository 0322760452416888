//! Standard error and standard output cannot be written: the disk is full, or the pipe is closed or not read. Sales,
//! payments and mails are not affected.

use std::{
    fs::File,
    io::{PipeReader, Write, pipe},
    os::unix::process::ExitStatusExt,
    process::Stdio,
    time::Duration,
};

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use tokio::{
    process::{Child, Command},
    time::timeout,
};

use crate::support::{ClosedMailServer, TestPerson, TestScreening, eventually, now, program};

/// Capacity of a pipe. A writer blocks when the pipe is full.
const PIPE_BYTES: usize = 64 * 1024;
/// The documented time limit of the program's shutdown.
const STOP_MAX: Duration = Duration::from_secs(10);

/// Why an output of the program cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Broken {
    DiskFull,
    ClosedPipe,
    UnreadPipe,
}

impl Broken {
    /// Opens such an output. Also returns the reader of the pipe, which must stay open and unread.
    fn open(self) -> (Stdio, Option<PipeReader>) {
        if self == Self::DiskFull {
            return (File::options().write(true).open("/dev/full").unwrap().into(), None);
        }
        let (reader, mut writer) = pipe().unwrap();
        if self == Self::ClosedPipe {
            return (writer.into(), None);
        }
        writer.write_all(&[b'x'; PIPE_BYTES]).unwrap();
        (writer.into(), Some(reader))
    }
}

struct Server {
    child: Child,
    url: String,
    _folder: tempfile::TempDir,
    _unread: [Option<PipeReader>; 2],
}

async fn start(stderr: Broken, stdout: Broken, flags: &[&str]) -> Server {
    let folder = tempfile::tempdir().unwrap();
    // Reserves a port for the server: the system does not assign a freed port again so soon.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}");
    let ((stderr, unread_err), (stdout, unread_out)) = (stderr.open(), stdout.open());
    let child = Command::new(program())
        .args(["serve", "--rate-limit=off", "--log-level=debug"])
        .arg(format!("--data-dir={}", folder.path().display()))
        .arg(format!("--listen=127.0.0.1:{port}"))
        .args(flags)
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(stderr)
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    Server { child, url, _folder: folder, _unread: [unread_err, unread_out] }
}

impl Server {
    async fn signal(&self, name: &str) {
        let pid = self.child.id().unwrap().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().await.unwrap().success());
    }

    /// Waits until `GET /readyz` returns 200.
    async fn until_ready(&self) {
        let stranger = TestPerson::stranger(&self.url);
        eventually("the server is ready", || async {
            let asked = stranger.client.get(format!("{}/readyz", self.url)).send().await.ok()?;
            (asked.status().as_u16() == 200).then_some(())
        })
        .await;
    }

    async fn stop(mut self) {
        self.signal("-TERM").await;
        let status = timeout(STOP_MAX, self.child.wait()).await.expect("the server did not stop in time").unwrap();
        assert_eq!((status.code(), status.signal()), (Some(0), None));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mails_are_sent_and_payments_finish_when_the_log_disk_is_full() {
    sell_and_mail(Broken::DiskFull).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mails_are_sent_and_payments_finish_when_the_log_pipe_is_closed() {
    sell_and_mail(Broken::ClosedPipe).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mails_are_sent_and_payments_finish_when_the_log_pipe_is_unread() {
    sell_and_mail(Broken::UnreadPipe).await;
}

/// Sells seats and sends mails while standard error and standard output cannot be written. Signals for log rotation
/// arrive meanwhile.
async fn sell_and_mail(broken: Broken) {
    let mail = ClosedMailServer::new();
    // Some of the payment provider's answers are lost, so that the reconciler has to finish those payments.
    let server = start(broken, broken, &[&mail.flag(), "--mock-payment=lose_answer=0.3,callback=never"]).await;
    server.until_ready().await;
    let admin = TestPerson::sign_in(&server.url, "boss").await;
    let start_time = now().checked_add(SignedDuration::from_hours(24)).unwrap();
    let start_time = Timestamp::from_second(start_time.as_second()).unwrap();
    let screening = TestScreening::create(&admin, "s_s_s_s", start_time).await;
    join_all(SEATS.map(|seat| buy(&server, &screening, seat))).await;
    // Each failed attempt to send a mail writes a log line.
    eventually("every mail has failed once", || async {
        let mails = admin.list_all("/api/admin/mail").await;
        let is_tried = |mail: &serde_json::Value| mail["attempts"].as_u64() > Some(0);
        (mails.len() == SEATS.len() && mails.iter().all(is_tried)).then_some(())
    })
    .await;
    server.signal("-HUP").await;
    server.signal("-USR1").await;
    let mail_server = mail.open();
    eventually("all mails are sent", || async { (mail_server.taken().len() == SEATS.len()).then_some(()) }).await;
    server.until_ready().await;
    let metrics = TestPerson::stranger(&server.url).get("/metrics").await.text;
    assert!(metrics.contains("seatkeeper_log_lines_dropped_total"), "dropped lines are counted: {metrics}");
    assert!(!metrics.contains("seatkeeper_worker_restarts_total"), "no worker was restarted: {metrics}");
    server.stop().await;
}

const SEATS: [&str; 4] = ["A1", "A2", "A3", "A4"];

/// Buys a seat. The payment succeeds whether the provider's answers arrive or not.
async fn buy(server: &Server, screening: &TestScreening, seat: &str) {
    let buyer = TestPerson::sign_in(&server.url, &format!("buyer{seat}")).await;
    buyer.lock(screening, &[seat]).await.expect(200);
    let payment = buyer.start_payment(screening).await.expect(201);
    let payment = payment["id"].as_str().unwrap();
    let answer = buyer.confirm(payment, "success").await;
    assert!(matches!(answer.status, 200 | 202), "{}", answer.text);
    eventually("the payment is settled", || async {
        let payment = buyer.get(&format!("/api/payments/{payment}")).await.expect(200);
        (payment["status"] == "SUCCEEDED").then_some(())
    })
    .await;
}

/// Runs a command whose standard output cannot be written. Returns the exit code and standard error.
async fn run(arguments: &[&str], stdout: Broken) -> (Option<i32>, String) {
    let mut command = Command::new(program());
    command.args(arguments).stdin(Stdio::null()).stdout(stdout.open().0).stderr(Stdio::piped());
    let output = command.spawn().unwrap().wait_with_output().await.unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Like `seatkeeper openapi | head -1`.
#[tokio::test]
async fn command_succeeds_when_the_reader_closes_the_pipe_early() {
    for arguments in [&["openapi"][..], &["check"]] {
        assert_eq!(run(arguments, Broken::ClosedPipe).await, (Some(0), String::new()), "{arguments:?}");
    }
    let (code, said) = run(&["check", "--lock-ttl=soon"], Broken::ClosedPipe).await;
    assert!(code == Some(2) && said.contains("--lock-ttl"), "the error is still reported: {said}");
    let (code, said) = run(&["openapi"], Broken::DiskFull).await;
    assert!(code == Some(1) && !said.is_empty(), "a full disk is an error, unlike a closed pipe");
}
