//! Redis servers for tests: a single server, a replica, or a cluster of three nodes. Needs `redis-server` and
//! `redis-cli`.

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
    _folder: TempDir,
}

impl RedisServer {
    /// Starts a server without persistence.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts a server with additional settings, such as `["--maxmemory", "10mb"]`.
    pub async fn start_with(settings: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
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
        let command: Vec<String> = usual.iter().chain(settings).map(|&word| word.to_owned()).collect();
        let process = Process::start("redis", folder.path(), &command).await;
        let server = Self { process, port, _folder: folder };
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
