//! Redis servers for tests: a single server, a replica, or a cluster of three nodes. Needs `redis-server` and
//! `redis-cli`.

use std::{path::PathBuf, time::Duration};

use tempfile::TempDir;
use tokio::process::Command;

use crate::{Process, free_port, wait_until};

/// The ranges of hash slots of the three nodes of a cluster.
const SLOTS: [(u16, u16); 3] = [(0, 5_460), (5_461, 10_922), (10_923, 16_383)];

/// A single Redis with its own folder. It is empty at the start.
#[derive(Debug)]
pub struct RedisServer {
    /// The process, which tests kill or freeze.
    pub process: Process,
    port: u16,
    folder: TempDir,
}

/// The path of libfaketime, in Debian's folder for the processor architecture.
fn false_clock() -> PathBuf {
    let folders = std::fs::read_dir("/usr/lib").unwrap().map(|folder| folder.unwrap().path());
    let mut libraries = folders.map(|folder| folder.join("faketime/libfaketime.so.1"));
    libraries.find(|library| library.exists()).expect("libfaketime, which scripts/setup.sh installs")
}

impl RedisServer {
    /// Starts a server without persistence.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts a server with additional settings, such as `["--maxmemory", "10mb"]`.
    pub async fn start_with(settings: &[&str]) -> Self {
        Self::start_by(&[], settings).await
    }

    /// Starts a server whose clock [`Self::set_clock_back`] can set back. Needs libfaketime.
    pub async fn start_with_false_clock() -> Self {
        let faketime = false_clock();
        // With jemalloc, which Redis links, libfaketime calls itself while it starts. The C library's allocator is found
        // first when that library is preloaded too.
        let libc = faketime.parent().and_then(|folder| folder.parent()).unwrap().join("libc.so.6");
        let by = ["env".to_owned(), format!("LD_PRELOAD={} {}", faketime.display(), libc.display())];
        let rest = ["FAKETIME_TIMESTAMP_FILE=clock", "FAKETIME_NO_CACHE=1", "FAKETIME_DONT_FAKE_MONOTONIC=1"];
        let by: Vec<String> = by.into_iter().chain(rest.map(str::to_owned)).collect();
        Self::start_by(&by, &[]).await
    }

    /// Sets the clock back, of a server that was started with [`Self::start_with_false_clock`].
    pub async fn set_clock_back(&self, by: Duration) {
        let before = self.seconds().await;
        let (clock, new) = (self.folder.path().join("clock"), self.folder.path().join("clock.new"));
        std::fs::write(&new, format!("-{}s\n", by.as_secs())).unwrap();
        std::fs::rename(new, clock).unwrap();
        wait_until("Redis's clock was set back", || async { self.seconds().await < before }).await;
    }

    /// The server's clock, in seconds since 1970.
    async fn seconds(&self) -> u64 {
        self.cli(&["TIME"]).await.lines().next().and_then(|line| line.parse().ok()).unwrap_or(u64::MAX)
    }

    /// Starts a server with a command before its own, which sets its environment.
    async fn start_by(by: &[String], settings: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        if !by.is_empty() {
            std::fs::write(folder.path().join("clock"), "+0s\n").unwrap();
        }
        let port = free_port();
        let port_text = port.to_string();
        let usual = [
            "redis-server",
            "--port",
            &port_text,
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--enable-debug-command",
            "yes",
        ];
        let words = usual.iter().chain(settings).map(|&word| word.to_owned());
        let command: Vec<String> = by.iter().cloned().chain(words).collect();
        let process = Process::start("redis", folder.path(), &command).await;
        let server = Self { process, port, folder };
        server.answers().await;
        server
    }

    /// Starts a replica of this server, and waits until it is synchronised.
    pub async fn start_replica(&self) -> Self {
        let replica = Self::start_with(&["--replicaof", "127.0.0.1", &self.port.to_string()]).await;
        let is_up = || async { replica.cli(&["INFO", "replication"]).await.contains("master_link_status:up") };
        wait_until("the replica follows", is_up).await;
        replica
    }

    /// Starts the server again after a kill.
    pub async fn restart(&mut self) {
        self.process.restart().await;
        self.answers().await;
    }

    /// The URL of the server, `redis://127.0.0.1:port`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://{}", self.address())
    }

    /// The address of the server, `127.0.0.1:port`.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Runs a command with `redis-cli` and returns its output.
    pub async fn cli(&self, command: &[&str]) -> String {
        let port = self.port.to_string();
        let said = Command::new("redis-cli").args(["-p", &port]).args(command).output().await.unwrap();
        String::from_utf8_lossy(&said.stdout).trim().to_owned()
    }

    async fn answers(&self) {
        wait_until("Redis answers", || async { self.cli(&["PING"]).await == "PONG" }).await;
    }
}

/// A Redis Cluster of three nodes without replicas.
#[derive(Debug)]
pub struct RedisCluster {
    /// The three nodes.
    pub nodes: Vec<RedisServer>,
}

impl RedisCluster {
    /// Starts a cluster with additional settings, and waits until every node knows the others.
    pub async fn start_with(settings: &[&str]) -> Self {
        let (mut nodes, mut bus_ports) = (Vec::new(), Vec::new());
        for _ in SLOTS {
            let bus_port = free_port().to_string();
            let of_cluster = ["--cluster-enabled", "yes", "--cluster-port", &bus_port];
            nodes.push(RedisServer::start_with(&[&of_cluster, settings].concat()).await);
            bus_ports.push(bus_port);
        }
        for (index, (first, last)) in SLOTS.iter().enumerate() {
            let node = &nodes[index];
            node.cli(&["CLUSTER", "ADDSLOTSRANGE", &first.to_string(), &last.to_string()]).await;
            node.cli(&["CLUSTER", "SET-CONFIG-EPOCH", &(index + 1).to_string()]).await;
        }
        for (node, bus_port) in nodes.iter().zip(&bus_ports) {
            nodes[0].cli(&["CLUSTER", "MEET", "127.0.0.1", &node.port.to_string(), bus_port]).await;
        }
        for node in &nodes {
            let is_whole = || async {
                let info = node.cli(&["CLUSTER", "INFO"]).await;
                info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3")
            };
            wait_until("the node knows the whole cluster", is_whole).await;
        }
        Self { nodes }
    }

    /// Starts a replica of the first node, which is promoted when that node dies. It is not in [`Self::nodes`].
    pub async fn start_replica_of_first(&self, settings: &[&str]) -> RedisServer {
        let (first, bus_port) = (&self.nodes[0], free_port().to_string());
        let of_cluster = ["--cluster-enabled", "yes", "--cluster-port", &bus_port];
        let replica = RedisServer::start_with(&[&of_cluster, settings].concat()).await;
        first.cli(&["CLUSTER", "MEET", "127.0.0.1", &replica.port.to_string(), &bus_port]).await;
        let id = first.cli(&["CLUSTER", "MYID"]).await;
        let follows = || async { replica.cli(&["CLUSTER", "REPLICATE", &id]).await == "OK" };
        wait_until("the replica knows whom to follow", follows).await;
        let is_up = || async { replica.cli(&["INFO", "replication"]).await.contains("master_link_status:up") };
        wait_until("the replica follows", is_up).await;
        for node in &self.nodes {
            let is_known = || async { node.cli(&["CLUSTER", "NODES"]).await.contains(" slave ") };
            wait_until("every node knows the replica", is_known).await;
        }
        replica
    }

    /// The URL of the cluster, `redis+cluster://127.0.0.1:port,…`.
    #[must_use]
    pub fn url(&self) -> String {
        let addresses: Vec<String> = self.nodes.iter().map(RedisServer::address).collect();
        format!("redis+cluster://{}", addresses.join(","))
    }
}
