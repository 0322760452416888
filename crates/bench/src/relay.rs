//! Throughput of the relay from outbox to event log, read from the servers' metrics.

use std::time::{Duration, Instant};

use hyper::{Method, StatusCode, body::Bytes};
use tokio::time::sleep;

use crate::{outcome::Outcome, server::Server, visitor::Visitor};

/// Counter in `GET /metrics`; a server that has relayed nothing does not export it.
const COUNTER: &str = "seatkeeper_events_relayed_total";
const LOOK_AGAIN: Duration = Duration::from_millis(250);
/// The relay counts as finished after this many unchanged readings: five seconds, because a part may be slow.
const STILL_LOOKS: u32 = 20;
/// Longest wait for the relay to finish.
const STILL_WITHIN: Duration = Duration::from_secs(300);

/// Reads the counter before and after, summed over all servers: any one of them may be the relay.
pub(super) struct RelayMeter {
    servers: Vec<Server>,
    before: u64,
    started: Instant,
}

impl RelayMeter {
    pub(super) async fn start(servers: Vec<Server>) -> Outcome<Self> {
        let before = read_all(&servers).await?;
        Ok(Self { servers, before, started: Instant::now() })
    }

    /// Waits until the counter stops. Returns a report line with the number of events and the rate from the start until
    /// the last of them.
    pub(super) async fn wait_until_still(self) -> Outcome<String> {
        let end = Instant::now() + STILL_WITHIN;
        let (mut last, mut grew, mut still_looks) = (self.before, self.started, 0);
        while still_looks < STILL_LOOKS && Instant::now() < end {
            let now = read_all(&self.servers).await?;
            still_looks = if now == last { still_looks + 1 } else { 0 };
            if now != last {
                (last, grew) = (now, Instant::now());
            }
            sleep(LOOK_AGAIN).await;
        }
        let (events, took) = (last.saturating_sub(self.before), grew - self.started);
        Ok(line(events, took, still_looks >= STILL_LOOKS))
    }
}

fn line(events: u64, took: Duration, is_still: bool) -> String {
    let (seconds, end) = (took.as_secs_f64(), if is_still { "" } else { ", and it was not done yet" });
    let rate = if events == 0 { 0.0 } else { events as f64 / seconds };
    format!("relayed       {events} events, {rate:.0} a second in {seconds:.1} s{end}")
}

async fn read_all(servers: &[Server]) -> Outcome<u64> {
    let mut sum = 0;
    for server in servers {
        let answer = Visitor::connect(server).await?.call(Method::GET, "/metrics", Bytes::new()).await?;
        if answer.status != StatusCode::OK {
            return Err(format!("/metrics was answered {}", answer.status).into());
        }
        sum += count_in(std::str::from_utf8(&answer.body)?)?;
    }
    Ok(sum)
}

/// Value of the counter in the Prometheus text format; 0 when it is missing.
fn count_in(metrics: &str) -> Outcome<u64> {
    let value = metrics.lines().find_map(|line| line.strip_prefix(COUNTER)?.strip_prefix(' '));
    value.map_or(Ok(0), |value| value.parse().map_err(|error| format!("{COUNTER} {value}: {error}").into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relay_counter_is_parsed_from_the_metrics_text() {
        let metrics = "# TYPE seatkeeper_events_relayed_total counter\n\
            seatkeeper_events_relayed_total 12345\n\n\
            seatkeeper_events_relayed_total_of_old 7\n";
        assert_eq!(count_in(metrics).unwrap(), 12_345);
        assert_eq!(count_in("seatkeeper_live_viewers 3\n").unwrap(), 0, "nothing was relayed yet");
        assert!(count_in("seatkeeper_events_relayed_total many").is_err());
    }

    #[test]
    fn event_rate_covers_only_the_time_until_the_last_event() {
        let took = Duration::from_millis(2_500);
        assert_eq!(line(5_000, took, true), "relayed       5000 events, 2000 a second in 2.5 s");
        assert_eq!(line(0, Duration::ZERO, true), "relayed       0 events, 0 a second in 0.0 s");
        assert!(line(1, took, false).ends_with("not done yet"));
    }
}
