//! A MongoDB for tests: a stand-in server that speaks MongoDB's protocol, or the real server that
//! `SEATKEEPER_TEST_MONGODB_URL` names.

use std::path::PathBuf;

use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::OnceCell,
};

use crate::{Process, free_port, wait_until};

/// Path of the stand-in's program in the cache folder. `scripts/setup.sh` installs it and pins its version.
const PROGRAM: &str = "seatkeeper/bin/mongo-stand-in";

/// A server with its own folder. Its data survive a kill and restart.
#[derive(Debug)]
pub struct MongoServer {
    process: Process,
    port: u16,
    _folder: TempDir,
}

impl MongoServer {
    /// The environment variable with the URL of a running server, which tests then use instead of starting a shared
    /// one. The URL has no database: `mongodb://host:27017/?replicaSet=rs0`.
    pub const URL_VARIABLE: &str = "SEATKEEPER_TEST_MONGODB_URL";

    /// Starts a private server, for tests that kill or freeze it or make its commands fail.
    pub async fn start() -> Self {
        let (folder, port) = (TempDir::new().unwrap(), free_port());
        let data = folder.path().join("data");
        let words = [
            program().to_string_lossy().into_owned(),
            "--host".to_owned(),
            "127.0.0.1".to_owned(),
            "--port".to_owned(),
            port.to_string(),
            "--storage-path".to_owned(),
            data.to_string_lossy().into_owned(),
            "--enable-test-commands".to_owned(),
            // Without this flag, a commit with `j: true` would be acknowledged before it is durable.
            "--sync-on-commit".to_owned(),
        ];
        let process = Process::start("mongo", folder.path(), &words).await;
        let server = Self { process, port, _folder: folder };
        server.wait_until_ready().await;
        server
    }

    /// The URL of a database on this server.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("mongodb://127.0.0.1:{}/{database}?directConnection=true", self.port)
    }

    /// The address of the server, such as `127.0.0.1:27017`.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Starts the server again with its data, after [`Process::kill`].
    pub async fn restart(&mut self) {
        self.process.restart().await;
        self.wait_until_ready().await;
    }

    /// The process, which tests kill or freeze.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    async fn wait_until_ready(&self) {
        let port = self.port;
        wait_until("the server answers", || async { says_hello(port).await.is_ok() }).await;
    }
}

/// Sends a `hello` command, and waits for the beginning of the reply.
async fn says_hello(port: u16) -> std::io::Result<()> {
    let mut server = TcpStream::connect(("127.0.0.1", port)).await?;
    server.write_all(&hello()).await?;
    server.read_exact(&mut [0; 4]).await?;
    Ok(())
}

/// The command `{hello: 1, $db: "admin"}` as an `OP_MSG` message: header, no flags, one body.
fn hello() -> Vec<u8> {
    const MESSAGE: i32 = 2013;
    let document = b"\x1f\0\0\0\x10hello\0\x01\0\0\0\x02$db\0\x06\0\0\0admin\0\0";
    let length = i32::try_from(4 * 4 + 4 + 1 + document.len()).unwrap();
    let header = [length, 1, 0, MESSAGE, 0].into_iter().flat_map(i32::to_le_bytes);
    header.chain([0]).chain(document.iter().copied()).collect()
}

fn program() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")));
    let program = cache.unwrap().join(PROGRAM);
    assert!(program.exists(), "{program:?} is not there: run scripts/setup.sh");
    program
}

/// The URL of a database on the server that all tests of this process share.
pub async fn shared_mongo_url(database: &str) -> String {
    static SHARED: OnceCell<MongoServer> = OnceCell::const_new();
    match std::env::var(MongoServer::URL_VARIABLE) {
        Ok(url) => with_database(&url, database),
        Err(_) => SHARED.get_or_init(MongoServer::start).await.url(database),
    }
}

fn with_database(url: &str, database: &str) -> String {
    let (server, options) = url.split_once('?').unwrap_or((url, ""));
    let server = server.trim_end_matches('/');
    format!("{server}/{database}?{options}")
}

#[cfg(test)]
mod tests {
    use super::with_database;

    #[test]
    fn database_name_is_inserted_into_the_url() {
        assert_eq!(with_database("mongodb://a,b/?replicaSet=r", "x"), "mongodb://a,b/x?replicaSet=r");
        assert_eq!(with_database("mongodb://a:27017", "x"), "mongodb://a:27017/x?");
    }
}
