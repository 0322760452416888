//! Parses the URLs that choose the store, the lock store, the event log and the mail transport. Each kind of URL
//! becomes an enum that contains what its adapter needs.

use std::path::{Path, PathBuf};

use super::secret::{ServiceUrl, hide_password};

/// File name of the embedded store's database in the data folder.
const STORE_FILE: &str = "seatkeeper.db";
/// Folder in the data folder for mails that are written to files instead of being sent.
const MAIL_FOLDER: &str = "mail";
/// Limit of the servers in one list of addresses. A client needs only one of them to discover all servers of a cluster.
const SERVERS_MAX: usize = 64;

/// Which adapters are compiled into the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adapters {
    /// SQLite, memory, files, SMTP.
    Embedded,
    /// Those of [`Adapters::Embedded`], and MongoDB, Redis and Kafka.
    All,
}

impl Adapters {
    /// The adapters of this build.
    pub const BUILT_IN: Self = if cfg!(feature = "cluster") { Self::All } else { Self::Embedded };

    fn need_cluster(self, url: &str, instead: &str) -> Result<(), String> {
        match self {
            Self::All => Ok(()),
            Self::Embedded => {
                let url = hide_password(url);
                Err(format!("'{url}' needs a program built with the feature 'cluster'; this one has only {instead}"))
            }
        }
    }
}

/// The store of programme, people and bookings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreUrl {
    /// One file on this machine.
    Sqlite {
        /// The database file.
        path: PathBuf,
    },
    /// A MongoDB replica set.
    Mongo {
        /// `mongodb://…`, with the database name.
        url: ServiceUrl,
    },
}

impl StoreUrl {
    pub(super) fn parse(text: &str, data_dir: &Path, adapters: Adapters) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("sqlite:") {
            let path = path_or(path, data_dir, STORE_FILE);
            return Ok(Self::Sqlite { path });
        }
        let rest = text.strip_prefix("mongodb://").or_else(|| text.strip_prefix("mongodb+srv://"));
        match rest.map(|rest| rest.split('?').next().unwrap_or(rest)).and_then(|rest| rest.split_once('/')) {
            Some((hosts, database)) if !hosts.is_empty() && !database.is_empty() => {
                adapters.need_cluster(text, "sqlite:")?;
                Ok(Self::Mongo { url: ServiceUrl::new(text) })
            }
            _ => Err(not_an_address(text, "sqlite:, sqlite:PATH or mongodb://host/db?replicaSet=rs0")),
        }
    }
}

/// The lock store, which also publishes the live changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LocksUrl {
    /// In the memory of this process.
    Memory,
    /// One Redis, or a Redis Cluster.
    Redis {
        /// `redis://host:port`, or `redis+cluster://` and the seed nodes; `rediss` for TLS.
        url: ServiceUrl,
    },
}

impl LocksUrl {
    pub(super) fn parse(text: &str, adapters: Adapters) -> Result<Self, String> {
        if text == "memory:" {
            return Ok(Self::Memory);
        }
        let schemes = ["redis://", "rediss://", "redis+cluster://", "rediss+cluster://"];
        match schemes.iter().find_map(|scheme| Some((scheme, text.strip_prefix(scheme)?))) {
            Some((scheme, nodes)) if !nodes.is_empty() => {
                // The URL of a single Redis contains a comma only in its password, so only a cluster's URL is split
                // into servers.
                if scheme.contains("+cluster") {
                    servers(nodes).map_err(|why| format!("'{}' {why}", hide_password(text)))?;
                }
                adapters.need_cluster(text, "memory:")?;
                Ok(Self::Redis { url: ServiceUrl::new(text) })
            }
            _ => Err(not_an_address(text, "memory:, redis://host:port or redis+cluster://a,b,c")),
        }
    }
}

/// The event log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventsUrl {
    /// A table in the store.
    Embedded,
    /// Kafka.
    Kafka {
        /// `host:port` of each bootstrap server.
        brokers: Vec<String>,
        /// Prefix of the names of topics and consumer groups, for cinemas that share a Kafka.
        prefix: String,
    },
}

/// Limit of the prefix of names in Kafka, in characters.
const PREFIX_CHARS_MAX: usize = 100;

impl EventsUrl {
    pub(super) fn parse(text: &str, adapters: Adapters) -> Result<Self, String> {
        if text == "embedded:" {
            return Ok(Self::Embedded);
        }
        match text.strip_prefix("kafka://").filter(|rest| !rest.is_empty()) {
            Some(rest) => {
                let refuse = |why: String| format!("'{}' {why}", hide_password(text));
                let (list, query) = rest.split_once('?').unwrap_or((rest, "prefix="));
                let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
                let prefix = query
                    .strip_prefix("prefix=")
                    .ok_or_else(|| refuse("has an option that is not prefix=NAME, the only one there is".to_owned()))?;
                if prefix.len() > PREFIX_CHARS_MAX || !prefix.chars().all(is_name) {
                    return Err(refuse("has a prefix that is not of letters, digits, '.', '_' and '-'".to_owned()));
                }
                let brokers = servers(list).map_err(refuse)?;
                adapters.need_cluster(text, "embedded:")?;
                Ok(Self::Kafka { brokers, prefix: prefix.to_owned() })
            }
            None => Err(not_an_address(text, "embedded: or kafka://host:port,host:port")),
        }
    }
}

/// How confirmation mails are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MailUrl {
    /// Written as `.eml` files.
    File {
        /// The folder.
        dir: PathBuf,
    },
    /// Sent to a mail server.
    Smtp {
        /// `smtp://…` or `smtps://…`.
        url: ServiceUrl,
    },
}

impl MailUrl {
    pub(super) fn parse(text: &str, data_dir: &Path) -> Result<Self, String> {
        if let Some(dir) = text.strip_prefix("file:") {
            return Ok(Self::File { dir: path_or(dir, data_dir, MAIL_FOLDER) });
        }
        let has_host =
            url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "smtp" | "smtps") && url.has_host());
        if has_host {
            return Ok(Self::Smtp { url: ServiceUrl::new(text) });
        }
        Err(not_an_address(text, "file:, file:DIR, smtp://host:port or smtps://user:password@host"))
    }
}

fn not_an_address(text: &str, such_as: &str) -> String {
    format!("'{}' is none of {such_as}", hide_password(text))
}

/// The given path; if it is empty, the default name in the data folder.
fn path_or(path: &str, data_dir: &Path, usual: &str) -> PathBuf {
    if path.is_empty() { data_dir.join(usual) } else { PathBuf::from(path) }
}

/// Parses a list of `host:port`. Empty entries are refused.
fn servers(list: &str) -> Result<Vec<String>, String> {
    let servers: Vec<String> = list.trim_end_matches('/').split(',').map(|server| server.trim().to_owned()).collect();
    if servers.iter().any(String::is_empty) {
        return Err("has an empty address in its list".to_owned());
    }
    if servers.len() > SERVERS_MAX {
        return Err(format!("lists more than {SERVERS_MAX} addresses"));
    }
    Ok(servers)
}
