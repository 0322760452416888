//! CPU time of another process, as Linux counts it.

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
/// A server that used less than this share of one core in each of so many looks is quiet: one alone may only have waited
/// for a slow disk …
const QUIET_SHARE: f64 = 0.04;
const QUIET_LOOKS: u32 = 4;
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// … and this is how long it is waited for.
const QUIET_WITHIN: Duration = Duration::from_secs(120);

/// Reads the CPU time of the server before and after.
#[derive(Debug)]
pub(super) struct CpuMeter {
    pid: Option<u32>,
    before_s: f64,
}

impl CpuMeter {
    /// Starts; measures nothing when no process was named.
    pub(super) fn start(pid: Option<u32>) -> Outcome<Self> {
        Ok(Self { pid, before_s: pid.map_or(Ok(0.0), cpu_seconds)? })
    }

    /// Seconds of CPU, user and system, since the start.
    pub(super) fn read(&self) -> Outcome<Option<f64>> {
        let now = self.pid.map(cpu_seconds).transpose()?;
        Ok(now.map(|now| now - self.before_s))
    }

    /// Waits until the server has nothing left to do. Answers the seconds of CPU that it took for that, and whether it
    /// came to rest in time.
    pub(super) async fn read_until_quiet(&self) -> Outcome<Option<(f64, bool)>> {
        let Some(first) = self.read()? else { return Ok(None) };
        let (end, mut before, mut quiet_looks) = (Instant::now() + QUIET_WITHIN, first, 0);
        while quiet_looks < QUIET_LOOKS && Instant::now() < end {
            sleep(LOOK_AGAIN).await;
            let now = before.max(self.read()?.unwrap_or(before));
            let is_quiet = now - before < QUIET_SHARE * LOOK_AGAIN.as_secs_f64();
            quiet_looks = if is_quiet { quiet_looks + 1 } else { 0 };
            before = now;
        }
        Ok(Some((before - first, quiet_looks >= QUIET_LOOKS)))
    }

    /// A line that says what each of `count` cost.
    pub(super) fn line(&self, count: u64, of_what: &str) -> Outcome<String> {
        Ok(self.read()?.map_or_else(
            || "server CPU    not measured: name its process with --pid".to_owned(),
            |used| {
                let each_us = used * 1e6 / count.max(1) as f64;
                format!("server CPU    {each_us:.1} µs a {of_what}, {used:.2} s in all (user and system)")
            },
        ))
    }
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
        let refused = CpuMeter::start(Some(u32::MAX)).unwrap_err();
        assert!(refused.to_string().contains("4294967295"), "{refused}");
    }
}
