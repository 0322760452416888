//! A Kafka broker for tests: a single node, started from the jars that `scripts/setup.sh` installs in the cache folder.

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

/// The properties of every broker, without its ports and its folder.
const SERVER_PROPERTIES: &str = include_str!("../../../scripts/kafka/server.properties");
const LOG_PROPERTIES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/kafka/log4j2.properties");
/// Prefix of the name of a broker's folder. The process id of the test follows.
const FOLDER_PREFIX: &str = "seatkeeper-kafka-";
/// Timeout of the ApiVersions request that checks whether the broker answers.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

static SHARED: OnceCell<KafkaServer> = OnceCell::const_new();
/// A permit for a private broker. A broker takes 300 MiB of memory, and one core while it starts, so only one runs
/// besides the shared one.
static TURN: Semaphore = Semaphore::const_new(1);

/// A running broker.
#[derive(Debug)]
pub struct KafkaServer {
    process: Process,
    port: u16,
    _folder: TempDir,
    _turn: Option<SemaphorePermit<'static>>,
}

impl KafkaServer {
    /// The environment variable with the address of a running broker, which tests then use instead of starting a shared
    /// one.
    pub const URL_VARIABLE: &str = "SEATKEEPER_TEST_KAFKA_URL";

    /// The addresses of the broker that all tests of this process share. Each test uses its own names of topics and
    /// groups.
    pub async fn shared() -> String {
        if let Ok(url) = std::env::var(Self::URL_VARIABLE) {
            return url.strip_prefix("kafka://").unwrap_or(&url).to_owned();
        }
        SHARED.get_or_init(|| Self::launch(free_port(), Special::default(), None)).await.brokers()
    }

    /// Starts a private broker, for a test that kills or freezes it.
    pub async fn start() -> Self {
        Self::start_special(free_port(), Special::default()).await
    }

    /// Starts a private broker on this port, with special properties.
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

    /// The address of the broker for clients, `host:port`.
    #[must_use]
    pub fn brokers(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The process id of the broker.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Kills the broker with SIGKILL.
    pub async fn kill(&mut self) {
        self.process.kill().await;
    }

    /// Starts the broker again with its data, and waits until it answers.
    pub async fn restart(&mut self) {
        self.process.restart().await;
        self.wait_until_it_answers().await;
    }

    /// Suspends the broker with SIGSTOP. Its connections stay open, and nothing answers on them.
    pub async fn freeze(&self) {
        self.process.freeze().await;
    }

    /// Resumes the broker with SIGCONT.
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

/// Properties of a private broker that other brokers do not have.
#[derive(Clone, Copy, Debug, Default)]
pub struct Special {
    /// A second listener, for clients that connect through a proxy.
    pub proxied: Option<Proxied>,
    /// Whether the broker supports only the group protocol from before Kafka 4.0.
    pub has_only_classic_groups: bool,
}

/// A listener that advertises the address of a proxy to clients, so that they never bypass the proxy.
#[derive(Clone, Copy, Debug)]
pub struct Proxied {
    /// Port of the listener, to which the proxy forwards.
    pub listener_port: u16,
    /// Port of the proxy.
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
    // The class data archive of the JVM is valid only for exactly this class path, in this order.
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

/// The folder of the jars. The name of the link to it has no version; `scripts/setup.sh` pins the version.
fn installation() -> PathBuf {
    let cache = std::env::var("XDG_CACHE_HOME")
        .map_or_else(|_| PathBuf::from(std::env::var("HOME").expect("HOME is not set")).join(".cache"), PathBuf::from);
    // The link is resolved, because the class data archive contains the paths of the jars with the version.
    fs::canonicalize(cache.join("seatkeeper/kafka")).expect("Kafka is not installed: run scripts/setup.sh")
}

/// Creates a folder that is removed with its broker. The shared broker is in a static, which is never dropped, so each
/// test process first removes the folders of processes that do not exist any more.
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

/// Sends an ApiVersions request, which is the first request of every client.
async fn ask_versions(port: u16) -> std::io::Result<()> {
    const API_VERSIONS: [u8; 14] = [0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 0xff, 0xff];
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(&API_VERSIONS).await?;
    stream.read_u32().await.map(|_| ())
}
