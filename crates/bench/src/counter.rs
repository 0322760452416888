//! What the parts of a cinema have used or done so far: CPU time from `/proc` on Linux, and the databases' own counters.

use std::{fs, net::SocketAddr};

use mongodb::{Client, bson::doc};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};
use url::Url;

use crate::outcome::Outcome;

/// Clock ticks per second in `/proc/PID/stat`; 100 on every Linux architecture in use.
const TICKS_PER_SECOND: f64 = 100.0;
/// Indexes of user and system time, counted from the field after the process name.
const USER_FIELD: usize = 11;
const SYSTEM_FIELD: usize = 12;
/// Every kind of operation that MongoDB counts, and those of them that write.
const OPERATIONS: &[&str] = &["insert", "update", "delete", "query", "getmore", "command"];
const WRITES: &[&str] = &["insert", "update", "delete"];

/// A number that only grows.
#[derive(Clone, Debug)]
pub(super) enum Counter {
    /// CPU seconds of a process, user and system.
    Cpu(u32),
    /// Operations of these kinds of a MongoDB, for all of its clients.
    MongoDb(Client, &'static [&'static str]),
    /// Commands of a Redis, those inside functions too, for all of its clients.
    Redis(SocketAddr),
}

impl Counter {
    /// The counters of a part that a process id or a URL names, each with a suffix for its name.
    pub(super) async fn all_of(source: &str) -> Outcome<Vec<(&'static str, Self)>> {
        if let Ok(pid) = source.parse() {
            return Ok(vec![("", Self::Cpu(pid))]);
        }
        let url = Url::parse(source)?;
        if url.scheme() == "redis" {
            let address = url.socket_addrs(|| None)?.into_iter().next().ok_or("no address")?;
            return Ok(vec![(" commands", Self::Redis(address))]);
        }
        let client = Client::with_uri_str(source).await?;
        let counter = |kinds| Self::MongoDb(client.clone(), kinds);
        Ok(vec![(" operations", counter(OPERATIONS)), (" writes", counter(WRITES))])
    }

    pub(super) async fn read(&self) -> Outcome<f64> {
        match self {
            Self::Cpu(pid) => cpu_seconds(*pid),
            Self::MongoDb(client, kinds) => {
                let status = client.database("admin").run_command(doc! { "serverStatus": 1 }).await?;
                let counts = status.get_document("opcounters")?;
                let count =
                    |kind: &&str| counts.get(kind).and_then(|count| count.as_i64().or(count.as_i32().map(i64::from)));
                Ok(kinds.iter().filter_map(count).sum::<i64>() as f64)
            }
            Self::Redis(address) => redis_commands(*address).await,
        }
    }
}

async fn redis_commands(address: SocketAddr) -> Outcome<f64> {
    let mut redis = BufReader::new(TcpStream::connect(address).await?);
    redis.get_mut().write_all(b"INFO stats\r\n").await?;
    let mut lines = redis.lines();
    while let Some(line) = lines.next_line().await? {
        if let Some(count) = line.strip_prefix("total_commands_processed:") {
            return Ok(count.parse()?);
        }
    }
    Err("Redis did not tell its number of commands".into())
}

/// CPU seconds of a process, user and system.
pub(super) fn cpu_seconds(pid: u32) -> Outcome<f64> {
    let path = format!("/proc/{pid}/stat");
    let stat = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    ticks(&stat).map(|ticks| ticks as f64 / TICKS_PER_SECOND).ok_or_else(|| format!("cannot parse {path}").into())
}

/// A process name may contain spaces and brackets, so the fields begin after the last bracket.
fn ticks(stat: &str) -> Option<u64> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let field = |index: usize| fields.get(index)?.parse::<u64>().ok();
    Some(field(USER_FIELD)? + field(SYSTEM_FIELD)?)
}

/// Memory of a process that is in RAM.
pub(super) fn resident_kib(pid: u32) -> Outcome<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let size = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
    Ok(size.ok_or("no VmRSS")?.parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_parsed_when_the_process_name_has_spaces_and_brackets() {
        let stat = "42 (seat (k) 1 2) S 1 42 42 0 -1 4194560 1 2 3 4 150 25 7 8 20 0 5 0 99";
        assert_eq!(ticks(stat), Some(175));
        assert_eq!(ticks("42 (x) S"), None);
        assert_eq!(ticks(""), None);
    }

    #[test]
    fn reading_a_process_that_does_not_exist_names_it() {
        let refused = cpu_seconds(u32::MAX).unwrap_err();
        assert!(refused.to_string().contains("4294967295"), "{refused}");
    }

    #[test]
    fn memory_of_this_process_is_read() {
        assert!(resident_kib(std::process::id()).unwrap() > 100.0);
    }
}
