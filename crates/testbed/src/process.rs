//! Runs a server for tests as a child process, which never outlives the test process.

use std::{
    fs::File,
    future::Future,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tokio::{
    process::{Child, Command},
    time::{Instant, sleep},
};

/// Interval at which conditions are polled.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// Time limit of waiting for a condition. A server that takes longer has failed.
pub const WAIT_MAX: Duration = Duration::from_secs(60);

/// A shell script that starts a command, writes the command's process id to a file, and kills the command when standard
/// input is closed. [`Process::kill`] closes it, and so does the end of the test process, even by a crash.
const KEEPER: &str = r#"exec 3<&0; "$@" 3<&- </dev/null & pid=$!; echo $pid > "$PID_FILE"
{ cat <&3 >/dev/null; kill -KILL $pid; } 2>/dev/null & exec 3<&-; wait $pid"#;

/// A running server process.
#[derive(Debug)]
pub struct Process {
    keeper: Option<Child>,
    command: Vec<String>,
    folder: PathBuf,
    name: String,
}

impl Process {
    /// Starts `command`. Its output goes to the file `NAME.log` in `folder`.
    pub async fn start(name: &str, folder: &Path, command: &[String]) -> Self {
        let mut process =
            Self { keeper: None, command: command.to_vec(), folder: folder.to_owned(), name: name.to_owned() };
        process.restart().await;
        process
    }

    /// Starts the same command again in the same folder, after [`Self::kill`].
    pub async fn restart(&mut self) {
        assert!(self.keeper.is_none(), "{} runs already", self.name);
        let pid_file = self.pid_file();
        let _ = std::fs::remove_file(&pid_file);
        let log = File::options().create(true).append(true).open(self.log_file()).unwrap();
        let keeper = Command::new("sh")
            .args(["-c", KEEPER, "keeper"])
            .args(&self.command)
            .env("PID_FILE", &pid_file)
            .current_dir(&self.folder)
            .stdin(Stdio::piped())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.keeper = Some(keeper);
        wait_until("the process has a pid", || async {
            std::fs::read_to_string(&pid_file).is_ok_and(|pid| pid.ends_with('\n'))
        })
        .await;
    }

    /// The process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        std::fs::read_to_string(self.pid_file()).unwrap().trim().parse().unwrap()
    }

    /// Kills the process with SIGKILL, and waits for its end.
    pub async fn kill(&mut self) {
        let mut keeper = self.keeper.take().expect("the process is not running");
        drop(keeper.stdin.take());
        keeper.wait().await.unwrap();
    }

    /// Stops the process with SIGTERM, and waits for its end.
    pub async fn stop(&mut self) {
        self.signal("-TERM").await;
        let pid = self.pid();
        wait_until("the server has stopped", || async { !is_alive(pid).await }).await;
        self.kill().await;
    }

    /// Suspends the process with SIGSTOP. Its sockets stay open, and nothing answers on them.
    pub async fn freeze(&self) {
        self.signal("-STOP").await;
    }

    /// Resumes the process with SIGCONT.
    pub async fn thaw(&self) {
        self.signal("-CONT").await;
    }

    async fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.pid().to_string()]).status().await.unwrap();
        assert!(sent.success(), "{} is not running", self.name);
    }

    /// The output of the process so far.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    fn log_file(&self) -> PathBuf {
        self.folder.join(format!("{}.log", self.name))
    }

    fn pid_file(&self) -> PathBuf {
        self.folder.join(format!("{}.pid", self.name))
    }
}

async fn is_alive(pid: u32) -> bool {
    Command::new("kill").args(["-0", &pid.to_string()]).stderr(Stdio::null()).status().await.unwrap().success()
}

/// A port that is not in use and that the system does not assign again soon.
#[must_use]
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Polls until the condition holds. Panics with `what` after [`WAIT_MAX`].
pub async fn wait_until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let started = Instant::now();
    while !holds().await {
        assert!(started.elapsed() < WAIT_MAX, "timed out waiting until: {what}");
        sleep(LOOK_EVERY).await;
    }
}
