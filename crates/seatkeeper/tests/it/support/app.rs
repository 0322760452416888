//! Runs the program as a process with its own port and folder.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use reqwest::{Client, redirect::Policy};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

#[cfg(feature = "cluster")]
use super::Cluster;
use super::{Answer, Parts, TestPerson, times};

/// The documented time limit of the program's shutdown.
const STOP_MAX: Duration = Duration::from_secs(10);
/// How long a client keeps an idle connection. Shorter than the server's idle timeout, as in browsers.
const IDLE_MAX: Duration = Duration::from_secs(8);
/// Time limit of a start. On real services, creating the demo cinema takes some hundred transactions of a slow stand-in
/// for MongoDB.
const START_MAX: Duration = Duration::from_secs(180);

/// Flags that lift the limits against hoarding: in storms a few people of one address stand for a whole crowd. Tests of the
/// limits set them again. The previous version does not know these flags.
const CROWD_FLAGS: [&str; 3] =
    ["--seats-per-person-everywhere=1000000", "--holders-per-address=1000000", "--let-go-max=1000000"];

/// A running server. End it with [`TestApp::finish`], which checks the books.
pub(crate) struct TestApp {
    child: Option<Child>,
    program: PathBuf,
    pub(super) parts: Arc<Parts>,
    folder: TempDir,
    flags: Vec<String>,
    /// Offset of the server's clock, in the syntax of libfaketime.
    clock: Option<&'static str>,
    url: String,
    admin: Option<TestPerson>,
    is_finished: AtomicBool,
}

impl TestApp {
    /// Starts an empty cinema without rate limits, with an administrator.
    pub(crate) async fn start() -> Self {
        Self::with(&[]).await
    }

    /// Like `start`, with more flags, such as `["--lock-ttl=2s"]`.
    pub(crate) async fn with(flags: &[&str]) -> Self {
        Self::without_people(flags).await.with_admin().await
    }

    /// Starts a server that is always in embedded mode: for tests of that mode, or tests that write into its database.
    pub(crate) async fn embedded() -> Self {
        Self::on(Arc::new(Parts::Embedded), &[]).await.with_admin().await
    }

    /// Signs in the first person, who becomes the administrator.
    pub(crate) async fn with_admin(mut self) -> Self {
        self.admin = Some(self.sign_in("boss").await);
        self
    }

    /// Like `with`, without any person signed in.
    pub(crate) async fn without_people(flags: &[&str]) -> Self {
        Self::on(Arc::new(Parts::of_this_run().await), flags).await
    }

    /// Starts a server on these services, which other servers may share. `flags` override the flags of the services.
    pub(crate) async fn on(parts: Arc<Parts>, flags: &[&str]) -> Self {
        Self::on_with_clock(parts, flags, None).await
    }

    /// Like `on`, with a wrong clock such as `"+3600s"`.
    pub(crate) async fn on_with_clock(parts: Arc<Parts>, flags: &[&str], clock: Option<&'static str>) -> Self {
        Self::of_program(program(), parts, flags, clock).await
    }

    /// Starts a server of the previous version: see `scripts/old-version.sh`.
    pub(crate) async fn of_old_version(parts: Arc<Parts>, flags: &[&str]) -> Self {
        Self::of_program(old_program().await, parts, flags, None).await
    }

    /// Starts this version on the data of the previous version, after [`Self::stop`] or [`Self::kill`].
    pub(crate) async fn upgrade(&mut self) {
        times::expect_from(&self.url);
        self.program = program();
        self.restart().await;
    }

    async fn of_program(program: PathBuf, parts: Arc<Parts>, flags: &[&str], clock: Option<&'static str>) -> Self {
        let folder = tempfile::Builder::new().prefix("seatkeeper-test-").tempdir().unwrap();
        let mut app = Self {
            child: None,
            program,
            parts,
            folder,
            flags: flags.iter().map(|&flag| flag.to_owned()).collect(),
            clock,
            url: String::new(),
            admin: None,
            is_finished: AtomicBool::new(false),
        };
        app.launch("127.0.0.1:0").await;
        app
    }

    /// Starts a server whose public URL differs from its listen address, without any person signed in.
    pub(crate) async fn with_public_url(site: &str, flags: &[&str]) -> Self {
        // Reserves a port: the system does not assign a freed port again so soon.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (public, listen) = (format!("--public-url={site}"), format!("--listen=127.0.0.1:{port}"));
        let mut app = Self::without_people(&[flags, &[&public, &listen]].concat()).await;
        app.url = format!("http://127.0.0.1:{port}");
        app
    }

    async fn launch(&mut self, listen: &str) {
        let log = std::fs::File::options().create(true).append(true).open(self.folder.path().join("log")).unwrap();
        let mut command = Command::new(&self.program);
        command.arg("serve").arg(format!("--data-dir={}", self.data_dir().display()));
        let mut flags = self.parts.flags();
        flags.extend([format!("--listen={listen}"), "--rate-limit=off".to_owned()]);
        if self.program == program() {
            flags.extend(CROWD_FLAGS.map(str::to_owned));
        }
        flags.retain(|flag| !self.flags.iter().any(|own| name_of(own) == name_of(flag)));
        if let Some(clock) = self.clock {
            command.env("LD_PRELOAD", false_clock()).env("FAKETIME", clock).env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        }
        command
            .args(flags)
            .args(&self.flags)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = timeout(START_MAX, lines.next_line()).await.expect("the server did not start in time").unwrap();
        let line = first.unwrap_or_else(|| panic!("the server did not start:\n{}", self.log()));
        self.url = line.rsplit(' ').next().unwrap().trim_end_matches('/').to_owned();
        if self.program != program() {
            times::do_not_expect_from(&self.url);
        }
        // Drains the rest of standard output, so that the pipe does not fill.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        self.child = Some(child);
    }

    #[cfg(feature = "cluster")]
    pub(crate) fn cluster(&self) -> &Cluster {
        self.parts.cluster()
    }

    /// The URL of the server, such as `http://127.0.0.1:12345`.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The flags that name the services of this server.
    pub(crate) fn parts_flags(&self) -> Vec<String> {
        self.parts.flags()
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// The administrator, who signed in first.
    pub(crate) fn admin(&self) -> &TestPerson {
        self.admin.as_ref().expect("nobody has signed in")
    }

    pub(crate) fn set_admin(&mut self, admin: TestPerson) {
        self.admin = Some(admin);
    }

    /// Signs a person in through the demo provider, as `NAME@example.test`, or as the address if it is one.
    pub(crate) async fn sign_in(&self, name: &str) -> TestPerson {
        TestPerson::sign_in(&self.url, name).await
    }

    /// A client without a session.
    pub(crate) fn stranger(&self) -> TestPerson {
        TestPerson::stranger(&self.url)
    }

    /// Sends a GET request without a session.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.stranger().get(path).await
    }

    /// The process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id().unwrap()
    }

    /// Sets the flags of the next start.
    pub(crate) fn set_flags(&mut self, flags: &[&str]) {
        self.flags = flags.iter().map(|&flag| flag.to_owned()).collect();
    }

    /// Kills the server with SIGKILL, and starts a new process on the same port and data folder.
    pub(crate) async fn kill_and_restart(&mut self) {
        self.kill().await;
        let listen = self.url.trim_start_matches("http://").to_owned();
        self.launch(&listen).await;
    }

    pub(crate) async fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().await.unwrap();
    }

    /// Suspends the process with SIGSTOP. Its connections stay open.
    pub(crate) async fn freeze(&self) {
        self.signal("-STOP").await;
    }

    /// Resumes the process with SIGCONT.
    pub(crate) async fn thaw(&self) {
        self.signal("-CONT").await;
    }

    async fn signal(&self, name: &str) {
        let pid = self.child.as_ref().unwrap().id().unwrap().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().await.unwrap().success());
    }

    /// Stops the server with SIGTERM. Returns the exit code.
    pub(crate) async fn stop(&mut self) -> i32 {
        self.signal("-TERM").await;
        let mut child = self.child.take().unwrap();
        let status = timeout(STOP_MAX, child.wait()).await.expect("the server did not stop in time").unwrap();
        status.code().unwrap_or(-1)
    }

    /// Starts the server again after [`Self::stop`] or [`Self::kill`].
    pub(crate) async fn restart(&mut self) {
        let listen = self.url.trim_start_matches("http://").to_owned();
        self.launch(&listen).await;
    }

    /// Checks that the server's data are consistent (see `books`), and shuts the server down.
    pub(crate) async fn finish(self) {
        if let Some(admin) = self.admin.as_ref().filter(|_| self.child.is_some()) {
            super::books::check(admin).await;
        }
        self.finish_with_wrong_books().await;
    }

    /// Like `finish`, without the check: for tests that write wrong data themselves.
    pub(crate) async fn finish_with_wrong_books(mut self) {
        if self.child.is_some() {
            assert_eq!(self.stop().await, 0, "{}", self.log());
        }
        self.is_finished.store(true, Ordering::Relaxed);
        let log = self.log();
        assert!(!log.contains("panicked"), "{log}");
    }

    /// A client with cookies that does not follow redirects.
    pub(crate) fn client() -> Client {
        Client::builder()
            .cookie_store(true)
            .redirect(Policy::none())
            .timeout(Duration::from_secs(60))
            // Idle connections are closed early, so that no request is sent on a connection that the server is just
            // closing.
            .pool_idle_timeout(IDLE_MAX)
            .no_proxy()
            .build()
            .unwrap()
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let tail: Vec<&str> = log.lines().rev().take(40).collect();
            let tail: Vec<&str> = tail.into_iter().rev().collect();
            eprintln!("--- the end of the server's log\n{}", tail.join("\n"));
        } else {
            assert!(self.is_finished.load(Ordering::Relaxed), "a test must end its app with finish()");
        }
    }
}

/// The name of a flag: `--listen` of `--listen=127.0.0.1:0`.
fn name_of(flag: &str) -> &str {
    flag.split_once('=').map_or(flag, |(name, _)| name)
}

/// The path of libfaketime, which fakes the clock, in Debian's folder for the processor architecture.
fn false_clock() -> PathBuf {
    let folders = std::fs::read_dir("/usr/lib").unwrap().map(|folder| folder.unwrap().path());
    let mut libraries = folders.map(|folder| folder.join("faketime/libfaketime.so.1"));
    libraries.find(|library| library.exists()).expect("libfaketime, which scripts/setup.sh installs")
}

/// The path of the program under test, as Cargo has built it.
pub(crate) fn program() -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_seatkeeper")).to_owned()
}

/// The path of the previous version of the program, which is built at the first use.
async fn old_program() -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/old-version.sh");
    let output = Command::new(script).stderr(Stdio::inherit()).output().await.unwrap();
    assert!(output.status.success(), "the program of the version before was not built");
    PathBuf::from(String::from_utf8(output.stdout).unwrap().trim_end())
}
