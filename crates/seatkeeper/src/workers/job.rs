//! Runs a job periodically, with backoff after failures, and restarts it after a panic.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::FutureExt;
use seatkeeper_core::{
    box_office::BoxOffice,
    event::EventKind,
    ports::{Backend, BackendError},
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::pulse::Pulse;

/// Base of the backoff: the pause after n consecutive failures is this times 2 to the power of n …
const FAILURE_PAUSE: Duration = Duration::from_millis(200);
/// … up to this limit, unless the job sets a lower one.
const FAILURE_PAUSE_MAX: Duration = Duration::from_secs(15);

/// When a worker ran for this long before it panicked, the backoff of its restarts begins again with the shortest
/// pause.
const RESTARTS_FORGOTTEN_AFTER: Duration = Duration::from_secs(60);
/// Default time limit of a round. A round makes some dozens of calls of the store, each of which succeeds or fails
/// within seconds, so a longer round counts as stuck.
const ROUND_MAX: Duration = Duration::from_secs(120);
/// How late a round may begin before the worker counts as stuck. It allows for a loaded machine and a suspended
/// process.
const LATE_BY_MAX: Duration = Duration::from_secs(60);

/// When the next round of a job begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Immediately, because there is more to do.
    AtOnce,
    /// After the job's period.
    AfterPause,
    /// After this duration.
    After(Duration),
}

/// A periodic task. The process may die at any point of a round, so a round must be idempotent.
#[async_trait]
pub(super) trait Job: Send + 'static {
    /// The name of the job in logs and events.
    fn name(&self) -> &'static str;
    /// The pause between two rounds.
    fn period(&self) -> Duration;
    /// The longest backoff: how late a round may be after the service that it failed for has recovered.
    fn failure_pause_max(&self) -> Duration {
        FAILURE_PAUSE_MAX
    }
    /// The time limit of a round. A round that takes longer counts as stuck.
    fn round_max(&self) -> Duration {
        ROUND_MAX
    }
    /// Runs one round.
    async fn run(&mut self) -> Backend<Next>;
    /// Called after the last round. Waits for tasks that rounds have started and that are still running.
    async fn finish(&mut self) {}
}

/// Runs a job until it is cancelled, and restarts it when it panics. Without the restart, mails and payments would stay
/// unfinished until the server is restarted.
pub(super) async fn supervise(mut job: impl Job, office: Arc<BoxOffice>, pulse: Arc<Pulse>, cancel: CancellationToken) {
    let mut restarts = 0u32;
    while !cancel.is_cancelled() {
        let started = Instant::now();
        let ended = AssertUnwindSafe(work(&mut job, &office, &pulse, &cancel)).catch_unwind().await;
        if ended.is_ok() {
            break;
        }
        pulse.panicked();
        metrics::counter!("seatkeeper_worker_restarts_total", "worker" => pulse.worker()).increment(1);
        restarts = if started.elapsed() > RESTARTS_FORGOTTEN_AFTER { 1 } else { restarts.saturating_add(1) };
        let pause = pause_after(restarts, FAILURE_PAUSE_MAX);
        tracing::error!(worker = pulse.worker(), ?pause, "a worker panicked; restarting it after the pause");
        cancel.run_until_cancelled(tokio::time::sleep(pause)).await;
    }
    pulse.end();
}

/// The pause after this many consecutive failures: exponential backoff up to `longest`.
fn pause_after(failures: u32, longest: Duration) -> Duration {
    FAILURE_PAUSE.saturating_mul(1 << failures.min(10)).min(longest)
}

async fn work(job: &mut impl Job, office: &BoxOffice, pulse: &Pulse, cancel: &CancellationToken) {
    let mut failures = 0u32;
    while !cancel.is_cancelled() {
        pulse.begin(job.round_max());
        // A panic ends only this round and not the worker. Otherwise nothing would be mailed, relayed or swept until a
        // restart.
        let ran = AssertUnwindSafe(job.run()).catch_unwind().await;
        match &ran {
            Ok(_) => pulse.complete_round(),
            Err(_) => pulse.panicked(),
        }
        let pause = match ran.unwrap_or_else(|_| Err(BackendError::lasting(job.name(), "it panicked"))) {
            Ok(next) => {
                if failures > 0 {
                    tracing::info!(job = job.name(), failures, "job recovered");
                    tell(office, "recovered", job.name(), failures).await;
                    failures = 0;
                }
                match next {
                    Next::AtOnce => Duration::ZERO,
                    Next::AfterPause => job.period(),
                    Next::After(pause) => pause,
                }
            }
            Err(error) => {
                failures = failures.saturating_add(1);
                if failures == 1 {
                    tracing::warn!(job = job.name(), %error, retryable = error.retryable, "job failed; retrying with backoff");
                    tell(office, "unavailable", job.name(), failures).await;
                }
                pause_after(failures, job.failure_pause_max())
            }
        };
        if pause.is_zero() {
            tokio::task::yield_now().await;
        } else {
            pulse.begin(pause + LATE_BY_MAX);
            tokio::select! {
                () = cancel.cancelled() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }
    pulse.begin(job.round_max());
    job.finish().await;
}

/// Stores an event about a worker. This is best effort: when the store is unavailable, only the caller's log line
/// reports it.
async fn tell(office: &BoxOffice, code: &str, job: &str, count: u32) {
    let kind = EventKind::SystemError { code: code.into(), place: job.into(), count: u64::from(count) };
    if let Err(error) = office.stores.outbox.append_events(&[office.event(kind)]).await {
        tracing::debug!(%error, "the system event could not be stored");
    }
}

#[cfg(test)]
#[path = "job_tests.rs"]
mod tests;
