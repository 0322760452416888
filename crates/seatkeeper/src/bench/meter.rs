//! CPU time of other processes, as Linux counts it.

use std::{
    fs,
    time::{Duration, Instant},
};

use tokio::time::sleep;

use super::Outcome;

/// Ticks of `/proc/PID/stat` in a second, on every Linux that we know.
const TICKS_PER_SECOND: f64 = 100.0;
/// User and system time, counted from the field after the process's name.
const USER_FIELD: usize = 11;
const SYSTEM_FIELD: usize = 12;
/// What a process takes when nobody comes is read for so long. Looking for work at MongoDB and Kafka is never free.
const REST_FOR: Duration = Duration::from_secs(5);
/// A server that used no more than this share of one core beyond that in each of so many looks is quiet: one alone may only
/// have waited for a slow disk …
const QUIET_SHARE: f64 = 0.04;
const QUIET_LOOKS: u32 = 4;
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// … and this is how long it is waited for.
const QUIET_WITHIN: Duration = Duration::from_secs(120);

/// As many characters as leave the columns of the report straight: `mongodb CPU   `.
const NAME_CHARS_MAX: usize = 9;

/// A process beside the server's whose CPU time is read too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    name: String,
    pid: u32,
}

impl Part {
    /// From `redis=123`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (name, pid) = text.split_once('=').ok_or("a name and a process id such as redis=123 are expected")?;
        if name.is_empty() || name.chars().count() > NAME_CHARS_MAX {
            return Err(format!("a name has 1 to {NAME_CHARS_MAX} characters"));
        }
        let pid = pid.parse().map_err(|_| format!("{pid} is not a process id"))?;
        Ok(Self { name: name.to_owned(), pid })
    }
}

/// One process, what it had used at the start, and which share of one core it takes at rest.
#[derive(Debug)]
struct Process {
    part: Part,
    before_s: f64,
    rest_share: f64,
}

impl Process {
    fn start(part: Part) -> Outcome<Self> {
        Ok(Self { before_s: cpu_seconds(part.pid)?, part, rest_share: 0.0 })
    }

    /// Seconds of CPU, user and system, since the start.
    fn read(&self) -> Outcome<f64> {
        Ok(cpu_seconds(self.part.pid)? - self.before_s)
    }
}

/// Reads the CPU time of the server and of its parts before and after.
#[derive(Debug)]
pub(super) struct CpuMeter {
    started: Instant,
    /// The server is the first.
    processes: Vec<Process>,
    knows_server: bool,
}

impl CpuMeter {
    /// Starts; the server is not measured when its process was not named.
    pub(super) fn start(server: Option<u32>, parts: &[Part]) -> Outcome<Self> {
        let named = server.map(|pid| Part { name: "server".to_owned(), pid });
        let processes = named.into_iter().chain(parts.iter().cloned()).map(Process::start).collect::<Outcome<_>>()?;
        Ok(Self { started: Instant::now(), processes, knows_server: server.is_some() })
    }

    /// Starts again.
    pub(super) fn restart(&mut self) -> Outcome<()> {
        for process in &mut self.processes {
            process.before_s = cpu_seconds(process.part.pid)?;
        }
        self.started = Instant::now();
        Ok(())
    }

    /// Whether the server's process was named.
    pub(super) const fn knows_server(&self) -> bool {
        self.knows_server
    }

    /// Learns what each takes when nobody comes, and answers a line that says it.
    pub(super) async fn learn_rest(&mut self) -> Outcome<String> {
        self.restart()?;
        sleep(REST_FOR).await;
        let took_s = self.started.elapsed().as_secs_f64();
        for process in &mut self.processes {
            process.rest_share = process.read()? / took_s;
        }
        let shares =
            self.processes.iter().map(|process| format!("{} {:.1} %", process.part.name, process.rest_share * 100.0));
        Ok(format!("at rest       {} of a core", shares.collect::<Vec<_>>().join(", ")))
    }

    /// Waits until the server has nothing left to do; answers whether it came to rest in time.
    pub(super) async fn wait_until_quiet(&self) -> Outcome<bool> {
        let Some(server) = self.processes.first().filter(|_| self.knows_server) else { return Ok(true) };
        let most_s = (server.rest_share + QUIET_SHARE) * LOOK_AGAIN.as_secs_f64();
        let (end, mut before, mut quiet_looks) = (Instant::now() + QUIET_WITHIN, server.read()?, 0);
        while quiet_looks < QUIET_LOOKS && Instant::now() < end {
            sleep(LOOK_AGAIN).await;
            let now = server.read()?;
            quiet_looks = if now - before < most_s { quiet_looks + 1 } else { 0 };
            before = now;
        }
        Ok(quiet_looks >= QUIET_LOOKS)
    }

    /// A line for each process that says what each of `count` has cost it since the start.
    pub(super) fn lines(&self, count: u64, of_what: &str) -> Outcome<Vec<String>> {
        let mut lines = Vec::new();
        if !self.knows_server {
            lines.push("server CPU    not measured: name its process with --pid".to_owned());
        }
        for process in &self.processes {
            lines.push(line(&process.part.name, process.read()?, count, of_what));
        }
        Ok(lines)
    }

    /// The same without what each would have taken at rest.
    pub(super) fn lines_beyond_rest(&self, count: u64, of_what: &str) -> Outcome<Vec<String>> {
        let took_s = self.started.elapsed().as_secs_f64();
        let beyond_rest = |process: &Process| {
            let used_s = (process.read()? - process.rest_share * took_s).max(0.0);
            Ok(line(&process.part.name, used_s, count, of_what))
        };
        self.processes.iter().map(beyond_rest).collect()
    }
}

fn line(name: &str, used_s: f64, count: u64, of_what: &str) -> String {
    let (label, each_us) = (format!("{name} CPU"), used_s * 1e6 / count.max(1) as f64);
    format!("{label:<14}{each_us:.1} µs a {of_what}, {used_s:.2} s in all (user and system)")
}

fn cpu_seconds(pid: u32) -> Outcome<f64> {
    let path = format!("/proc/{pid}/stat");
    let stat = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    ticks(&stat).map(|ticks| ticks as f64 / TICKS_PER_SECOND).ok_or_else(|| format!("{path} is not understood").into())
}

/// A process's name may hold spaces and brackets: what counts begins after the last one.
fn ticks(stat: &str) -> Option<u64> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let field = |index: usize| fields.get(index)?.parse::<u64>().ok();
    Some(field(USER_FIELD)? + field(SYSTEM_FIELD)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_system_time_are_found_behind_any_name() {
        let stat = "42 (seat (k) 1 2) S 1 42 42 0 -1 4194560 1 2 3 4 150 25 7 8 20 0 5 0 99";
        assert_eq!(ticks(stat), Some(175));
        assert_eq!(ticks("42 (x) S"), None);
        assert_eq!(ticks(""), None);
    }

    #[test]
    fn a_process_that_is_not_there_is_named() {
        let gone = Part::parse("redis=4294967295").unwrap();
        for refused in [CpuMeter::start(Some(u32::MAX), &[]), CpuMeter::start(None, &[gone])] {
            let refused = refused.unwrap_err();
            assert!(refused.to_string().contains("4294967295"), "{refused}");
        }
    }

    #[test]
    fn a_part_is_a_short_name_and_a_process() {
        assert_eq!(Part::parse("mongodb=42"), Ok(Part { name: "mongodb".to_owned(), pid: 42 }));
        for text in ["redis", "redis=", "redis=x", "redis=-1", "=42", "elasticsearch=42", ""] {
            assert!(Part::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn each_process_has_a_line_of_its_own() {
        let own = Part { name: "redis".to_owned(), pid: std::process::id() };
        let lines = CpuMeter::start(None, &[own]).unwrap().lines(1, "request").unwrap();
        assert_eq!(lines.len(), 2);
        assert!(lines[0].starts_with("server CPU    not measured"), "{lines:?}");
        assert!(lines[1].starts_with("redis CPU     "), "{lines:?}");
        assert_eq!(
            line("mongodb", 1.5, 10_000, "request"),
            "mongodb CPU   150.0 µs a request, 1.50 s in all (user and system)"
        );
    }
}
