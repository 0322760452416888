//! What a load costs the server and its parts, *all in*: during the load, and afterwards until the server is at rest.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::{counter::Counter, outcome::Outcome, part::Part, relay::RelayMeter, target::Target};

/// How long the cost at rest is measured. A server without visitors still polls its databases.
const REST_FOR: Duration = Duration::from_secs(3);
/// Before that, the preparation's work must have ended: the CPU time of all processes in one interval is no longer lower than in
/// the intervals before, by more than the resolution of a process's CPU time.
const STEADY_INTERVAL: Duration = Duration::from_secs(1);
const STEADY_LOOKS: u32 = 3;
const STEADY_NOISE_S: f64 = 0.02;
/// A process is quiet when it used at most this share of a core beyond its share at rest, of which half again is noise, in each
/// of `QUIET_LOOKS` consecutive intervals: in a single interval it may only have waited for a slow disk.
const QUIET_SHARE: f64 = 0.06;
const REST_NOISE: f64 = 1.5;
const QUIET_LOOKS: u32 = 4;
const LOOK_AGAIN: Duration = Duration::from_millis(250);
/// Longest wait for quiet processes.
const QUIET_WITHIN: Duration = Duration::from_secs(120);

/// The cost to one part. All but `rest_per_s` is beyond what the part uses at rest.
#[derive(Clone, Debug)]
struct Cost {
    name: String,
    counter: Counter,
    read: f64,
    rest_per_s: f64,
    during: f64,
    afterwards: f64,
}

/// Measures the server and its parts.
#[derive(Clone, Debug)]
pub(super) struct Meter {
    since: Instant,
    costs: Vec<Cost>,
}

impl Meter {
    /// Measures the cost at rest, and starts. `None` when the server's process is not named.
    pub(super) async fn start(target: &Target) -> Outcome<Option<Self>> {
        let Some(server) = target.pid else { return Ok(None) };
        let server = Part { name: "server".to_owned(), source: server.to_string() };
        let mut costs = Vec::new();
        for part in std::iter::once(&server).chain(&target.parts) {
            for (suffix, counter) in Counter::all_of(&part.source).await? {
                let (name, read) = (format!("{}{suffix}", part.name), counter.read().await?);
                costs.push(Cost { name, counter, read, rest_per_s: 0.0, during: 0.0, afterwards: 0.0 });
            }
        }
        let mut meter = Self { since: Instant::now(), costs };
        meter.wait_until_steady().await?;
        meter.restart().await?;
        sleep(REST_FOR).await;
        meter.take(|cost, used, took_s| cost.rest_per_s = used / took_s).await?;
        Ok(Some(meter))
    }

    /// Starts again, after the load was prepared.
    pub(super) async fn restart(&mut self) -> Outcome<()> {
        self.take(|_, _, _| ()).await
    }

    /// To be called at the end of the load.
    pub(super) async fn load_ended(&mut self) -> Outcome<()> {
        self.take(|cost, used, _| cost.during = used).await
    }

    /// Waits until everything is at rest, and returns the costs of a load of `count` operations.
    pub(super) async fn finish(
        mut self,
        count: u64,
        of_what: &'static str,
        relay: Option<RelayMeter>,
    ) -> Outcome<Costs> {
        let mut lines = Vec::new();
        if let Some(relay) = relay {
            lines.push(relay.wait_until_still().await?);
        }
        if !self.wait_until_quiet().await? {
            lines.push(format!("not at rest   {} s after the load", QUIET_WITHIN.as_secs()));
        }
        self.take(|cost, used, _| cost.afterwards = used).await?;
        lines.extend(self.costs.iter().map(|cost| cost.line(count, of_what)));
        Ok(Costs { count, costs: self.costs, lines })
    }

    /// Tells how much of each counter was used beyond rest since the last call, and in how many seconds.
    async fn take(&mut self, mut tell: impl FnMut(&mut Cost, f64, f64)) -> Outcome<()> {
        let took_s = self.since.elapsed().as_secs_f64();
        for cost in &mut self.costs {
            let now = cost.counter.read().await?;
            let used = now - cost.read - cost.rest_per_s * took_s;
            cost.read = now;
            tell(cost, used, took_s);
        }
        self.since = Instant::now();
        Ok(())
    }

    /// Waits until all processes are idle; false when they were not within `QUIET_WITHIN`.
    async fn wait_until_quiet(&self) -> Outcome<bool> {
        let (end, mut quiet_looks) = (Instant::now() + QUIET_WITHIN, 0);
        let mut before = self.cpu_seconds().await?;
        while quiet_looks < QUIET_LOOKS && Instant::now() < end {
            sleep(LOOK_AGAIN).await;
            let now = self.cpu_seconds().await?;
            let is_quiet = |(cost, (before, now)): (&Cost, (&f64, &f64))| {
                now - before < (cost.rest_per_s * REST_NOISE + QUIET_SHARE) * LOOK_AGAIN.as_secs_f64()
            };
            let all_quiet = self.processes().zip(before.iter().zip(&now)).all(is_quiet);
            quiet_looks = if all_quiet { quiet_looks + 1 } else { 0 };
            before = now;
        }
        Ok(quiet_looks >= QUIET_LOOKS)
    }

    /// Waits until the work of the preparation has ended, at most `QUIET_WITHIN`.
    async fn wait_until_steady(&self) -> Outcome<()> {
        let (end, mut lowest_s, mut steady_looks) = (Instant::now() + QUIET_WITHIN, f64::INFINITY, 0);
        while steady_looks < STEADY_LOOKS && Instant::now() < end {
            let before: f64 = self.cpu_seconds().await?.iter().sum();
            sleep(STEADY_INTERVAL).await;
            let used_s = self.cpu_seconds().await?.iter().sum::<f64>() - before;
            steady_looks = if used_s < lowest_s - STEADY_NOISE_S { 0 } else { steady_looks + 1 };
            lowest_s = lowest_s.min(used_s);
        }
        Ok(())
    }

    fn processes(&self) -> impl Iterator<Item = &Cost> {
        self.costs.iter().filter(|cost| matches!(cost.counter, Counter::Cpu(_)))
    }

    /// CPU time of each process so far. Databases are not asked for their counts, because that is an operation too.
    async fn cpu_seconds(&self) -> Outcome<Vec<f64>> {
        let mut all = Vec::new();
        for cost in self.processes() {
            all.push(cost.counter.read().await?);
        }
        Ok(all)
    }
}

impl Cost {
    fn line(&self, count: u64, of_what: &str) -> String {
        let each = |used: f64| used / count.max(1) as f64;
        let (during, afterwards) = (each(self.during), each(self.afterwards));
        if matches!(self.counter, Counter::Cpu(_)) {
            let (name, rest) = (format!("{} CPU", self.name), self.rest_per_s * 100.0);
            let (during, afterwards, total) = (during * 1e6, afterwards * 1e6, (during + afterwards) * 1e6);
            return format!(
                "{name:<14}{total:.1} µs a {of_what}: {during:.1} during, {afterwards:.1} afterwards; {rest:.1} % of a core at rest"
            );
        }
        let (name, rest) = (&self.name, self.rest_per_s);
        format!("{name:<19} {during:.2} a {of_what} during, {afterwards:.2} afterwards; {rest:.1} a second at rest")
    }
}

/// The costs of one load.
#[derive(Debug)]
pub(super) struct Costs {
    count: u64,
    costs: Vec<Cost>,
    /// Lines for the report.
    pub(super) lines: Vec<String>,
}

impl Costs {
    /// Cost of one operation to this part, all in; CPU time in seconds.
    pub(super) fn each(&self, name: &str) -> Option<f64> {
        self.find(name).map(|cost| (cost.during + cost.afterwards) / self.count.max(1) as f64)
    }

    /// What this part uses at rest.
    pub(super) fn rest_per_s(&self, name: &str) -> Option<f64> {
        self.find(name).map(|cost| cost.rest_per_s)
    }

    fn find(&self, name: &str) -> Option<&Cost> {
        self.costs.iter().find(|cost| cost.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cost_of_an_operation_counts_the_work_after_the_load() {
        let (name, counter) = ("redis".to_owned(), Counter::Cpu(1));
        let cost = Cost { name, counter, read: 9.0, rest_per_s: 0.01, during: 1.5, afterwards: 0.5 };
        assert_eq!(
            cost.line(10_000, "request"),
            "redis CPU     200.0 µs a request: 150.0 during, 50.0 afterwards; 1.0 % of a core at rest"
        );
        let costs = Costs { count: 10_000, costs: vec![cost], lines: vec![] };
        assert_eq!(costs.each("redis"), Some(0.000_2));
        assert_eq!(costs.each("server"), None);
    }
}
