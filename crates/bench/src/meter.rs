//! CPU time of other processes, from `/proc` on Linux.

use std::{
    fs,
    time::{Duration, Instant},
};

use tokio::time::sleep;

use crate::outcome::Outcome;

/// Clock ticks per second in `/proc/PID/stat`; 100 on every Linux architecture in use.
const TICKS_PER_SECOND: f64 = 100.0;
/// Indexes of user and system time, counted from the field after the process name.
const USER_FIELD: usize = 11;
const SYSTEM_FIELD: usize = 12;
/// How long the CPU time at rest is measured. A server without visitors still polls MongoDB and Kafka.
const REST_FOR: Duration = Duration::from_secs(5);
/// A server is quiet when it used at most this share of a core beyond its rest share in each of `QUIET_LOOKS`
/// consecutive intervals: in a single interval it may only have waited for a slow disk.
const QUIET_SHARE: f64 = 0.04;
const QUIET_LOOKS: u32 = 4;
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// Longest wait for a quiet server.
const QUIET_WITHIN: Duration = Duration::from_secs(120);

/// Keeps the columns of the report aligned: `mongodb CPU   `.
const NAME_CHARS_MAX: usize = 9;

/// Another process whose CPU time is measured beside the server's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    name: String,
    pid: u32,
}

impl Part {
    /// Parses `redis=123`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (name, pid) = text.split_once('=').ok_or("a name and a process id such as redis=123 are expected")?;
        if name.is_empty() || name.chars().count() > NAME_CHARS_MAX {
            return Err(format!("a name has 1 to {NAME_CHARS_MAX} characters"));
        }
        let pid = pid.parse().map_err(|_| format!("{pid} is not a process id"))?;
        Ok(Self { name: name.to_owned(), pid })
    }
}

/// One process with its CPU time at the start and the share of one core that it uses at rest.
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

    /// CPU seconds, user and system, since the start.
    fn read(&self) -> Outcome<f64> {
        Ok(cpu_seconds(self.part.pid)? - self.before_s)
    }
}

/// Measures the CPU time of the server and of its parts.
#[derive(Debug)]
pub(super) struct CpuMeter {
    started: Instant,
    /// The server comes first, when its process was named.
    processes: Vec<Process>,
    knows_server: bool,
}

impl CpuMeter {
    /// Starts the measurement; without a process id the server is not measured.
    pub(super) fn start(server: Option<u32>, parts: &[Part]) -> Outcome<Self> {
        let named = server.map(|pid| Part { name: "server".to_owned(), pid });
        let processes = named.into_iter().chain(parts.iter().cloned()).map(Process::start).collect::<Outcome<_>>()?;
        Ok(Self { started: Instant::now(), processes, knows_server: server.is_some() })
    }

    /// Starts the measurement again.
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

    /// Measures the CPU share of each process without load, and returns it as a line of the report.
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

    /// Waits until the server is idle; false when it was not within `QUIET_WITHIN`.
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

    /// A line per process: its CPU time since the start, divided by `count`.
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

    /// As `lines`, minus the CPU time that each process would have used at rest.
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
    ticks(&stat).map(|ticks| ticks as f64 / TICKS_PER_SECOND).ok_or_else(|| format!("cannot parse {path}").into())
}

/// A process name may contain spaces and brackets, so the fields begin after the last bracket.
fn ticks(stat: &str) -> Option<u64> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let field = |index: usize| fields.get(index)?.parse::<u64>().ok();
    Some(field(USER_FIELD)? + field(SYSTEM_FIELD)?)
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
    fn start_fails_and_names_the_process_that_does_not_exist() {
        let gone = Part::parse("redis=4294967295").unwrap();
        for refused in [CpuMeter::start(Some(u32::MAX), &[]), CpuMeter::start(None, &[gone])] {
            let refused = refused.unwrap_err();
            assert!(refused.to_string().contains("4294967295"), "{refused}");
        }
    }

    #[test]
    fn part_is_parsed_from_a_short_name_and_a_process_id() {
        assert_eq!(Part::parse("mongodb=42"), Ok(Part { name: "mongodb".to_owned(), pid: 42 }));
        for text in ["redis", "redis=", "redis=x", "redis=-1", "=42", "elasticsearch=42", ""] {
            assert!(Part::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn report_has_one_line_per_process() {
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
