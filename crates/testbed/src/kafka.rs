//! Kafka: one node, from the jars that `scripts/setup.sh` puts into the cache.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::{OnceCell, Semaphore, SemaphorePermit},
    time::timeout,
};

use crate::process::{Process, free_port, wait_until};

/// The settings that every server has, beside its ports and its folder.
const SERVER_PROPERTIES: &str = include_str!("../../../scripts/kafka/server.properties");
const LOG_PROPERTIES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/kafka/log4j2.properties");
/// What the names of the folders begin with; the id of the test's process follows.
const FOLDER_PREFIX: &str = "seatkeeper-kafka-";
/// How long one question for its versions may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

static SHARED: OnceCell<KafkaServer> = OnceCell::const_new();
/// A server takes 300 MiB and a core while it starts: beside the shared one there is one at a time.
static TURN: Semaphore = Semaphore::const_new(1);

/// A running Kafka.
#[derive(Debug)]
pub struct KafkaServer {
    process: Process,
    port: u16,
    _folder: TempDir,
    _turn: Option<SemaphorePermit<'static>>,
}

impl KafkaServer {
    /// Names a server that runs already, to be used in place of one that tests share.
    pub const URL_VARIABLE: &str = "SEATKEEPER_TEST_KAFKA_URL";

    /// The brokers that all tests of this process share: tests use names of their own in it.
    pub async fn shared() -> String {
        if let Ok(url) = std::env::var(Self::URL_VARIABLE) {
            return url.strip_prefix("kafka://").unwrap_or(&url).to_owned();
        }
        SHARED.get_or_init(|| Self::launch(free_port(), Special::default(), None)).await.brokers()
    }

    /// One of its own, for a test that kills or freezes it.
    pub async fn start() -> Self {
        Self::start_special(free_port(), Special::default()).await
    }

    /// One of its own, at a port that somebody knows already, or with something that others have not.
    pub async fn start_special(port: u16, special: Special) -> Self {
        let turn = TURN.acquire().await.unwrap();
        Self::launch(port, special, Some(turn)).await
    }

    async fn launch(port: u16, special: Special, turn: Option<SemaphorePermit<'static>>) -> Self {
        let folder = own_folder();
        let data = folder.path().join("data");
        fs::create_dir(&data).unwrap();
        for name in ["meta.properties", "bootstrap.checkpoint"] {
            let formatted = installation().join("formatted").join(name);
            fs::copy(&formatted, data.join(name)).unwrap();
        }
        let properties = folder.path().join("server.properties");
        fs::write(&properties, properties_of(port, free_port(), special, &data)).unwrap();
        let process = Process::start("kafka", folder.path(), &command(&properties)).await;
        let server = Self { process, port, _folder: folder, _turn: turn };
        server.wait_until_it_answers().await;
        server
    }

    /// `host:port`, for clients.
    #[must_use]
    pub fn brokers(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// SIGKILL.
    pub async fn kill(&mut self) {
        self.process.kill().await;
    }

    /// Starts it again where it was, and waits until it answers.
    pub async fn restart(&mut self) {
        self.process.restart().await;
        self.wait_until_it_answers().await;
    }

    /// It holds its connections and answers nothing.
    pub async fn freeze(&self) {
        self.process.freeze().await;
    }

    /// It goes on as if nothing had been.
    pub async fn thaw(&self) {
        self.process.thaw().await;
    }

    async fn wait_until_it_answers(&self) {
        wait_until("Kafka answers", || async {
            matches!(timeout(ANSWER_WITHIN, ask_versions(self.port)).await, Ok(Ok(())))
        })
        .await;
    }
}

/// What one server has and others have not.
#[derive(Clone, Copy, Debug, Default)]
pub struct Special {
    /// A second listener, for clients that come through a proxy.
    pub proxied: Option<Proxied>,
    /// Knows only the groups that Kafka had before 4.0.
    pub has_only_classic_groups: bool,
}

/// A listener that tells clients to come back to a proxy, so that they never go round it.
#[derive(Clone, Copy, Debug)]
pub struct Proxied {
    /// Where the proxy passes bytes on to.
    pub listener_port: u16,
    /// Where the proxy listens.
    pub proxy_port: u16,
}

fn properties_of(port: u16, controller: u16, special: Special, data: &Path) -> String {
    let mut listeners = format!("CLIENT://127.0.0.1:{port}");
    let mut told = listeners.clone();
    if let Some(Proxied { listener_port, proxy_port }) = special.proxied {
        listeners += &format!(",PROXIED://127.0.0.1:{listener_port}");
        told += &format!(",PROXIED://127.0.0.1:{proxy_port}");
    }
    let groups = if special.has_only_classic_groups { "group.coordinator.rebalance.protocols=classic\n" } else { "" };
    format!(
        "{SERVER_PROPERTIES}listeners={listeners},CONTROLLER://127.0.0.1:{controller}\nadvertised.listeners={told}\n\
         controller.quorum.voters=1@127.0.0.1:{controller}\nlog.dirs={}\n{groups}",
        data.display()
    )
}

fn command(properties: &Path) -> Vec<String> {
    let installation = installation();
    let jars = fs::read_dir(installation.join("jars")).expect("Kafka is not installed: run scripts/setup.sh");
    // The archive of classes is of this very class path, in this order.
    let mut jars: Vec<String> = jars.map(|jar| jar.unwrap().path().display().to_string()).collect();
    jars.sort();
    let archive = format!("-XX:SharedArchiveFile={}", installation.join("kafka.jsa").display());
    let logs = format!("-Dlog4j2.configurationFile={LOG_PROPERTIES}");
    let class_path = jars.join(":");
    let properties = properties.display().to_string();
    let words = ["java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", &archive, &logs, "-cp"];
    let rest = [class_path.as_str(), "kafka.Kafka", &properties];
    words.into_iter().chain(rest).map(str::to_owned).collect()
}

/// Where `scripts/setup.sh` put the jars. Their version is its business.
fn installation() -> PathBuf {
    let cache = std::env::var("XDG_CACHE_HOME")
        .map_or_else(|_| PathBuf::from(std::env::var("HOME").expect("HOME is not set")).join(".cache"), PathBuf::from);
    // Resolved, because the archive of classes knows the jars by the path with the version.
    fs::canonicalize(cache.join("seatkeeper/kafka")).expect("Kafka is not installed: run scripts/setup.sh")
}

/// A folder that goes with its server. The shared one lives as long as the process, which drops nothing at its end: the next
/// process to come here removes what those have left that are no more.
fn own_folder() -> TempDir {
    for entry in fs::read_dir(std::env::temp_dir()).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let owner = name.strip_prefix(FOLDER_PREFIX).and_then(|rest| rest.split('-').next());
        if owner.is_some_and(|pid| Path::new("/proc/self").exists() && !Path::new("/proc").join(pid).exists()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    let prefix = format!("{FOLDER_PREFIX}{}-", std::process::id());
    tempfile::Builder::new().prefix(&prefix).tempdir().unwrap()
}

/// Asks which versions of which calls it speaks, the first question of every client.
async fn ask_versions(port: u16) -> std::io::Result<()> {
    const API_VERSIONS: [u8; 14] = [0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 0xff, 0xff];
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(&API_VERSIONS).await?;
    stream.read_u32().await.map(|_| ())
}
