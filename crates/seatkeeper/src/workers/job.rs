//! How a job is repeated.

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

/// The first pause after a failure; it doubles …
const FAILURE_PAUSE: Duration = Duration::from_millis(200);
/// … up to this, unless the job says less.
const FAILURE_PAUSE_MAX: Duration = Duration::from_secs(15);

/// A worker that worked for so long before it panicked is started again with the shortest pause.
const RESTARTS_FORGOTTEN_AFTER: Duration = Duration::from_secs(60);
/// The longest round of a job that does not say otherwise: each asks the store some dozen times, which answers or fails within
/// seconds. Longer is stuck.
const ROUND_MAX: Duration = Duration::from_secs(120);
/// How late the next round may begin: a machine under load or a process that stood still is not a stuck worker at once.
const LATE_BY_MAX: Duration = Duration::from_secs(60);

/// When the next round begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// At once: there is more to do.
    AtOnce,
    /// After the job's period.
    AfterPause,
    /// After so long.
    After(Duration),
}

/// One thing that is done again and again. A round may be cut off by the end of the process at any line.
#[async_trait]
pub(super) trait Job: Send + 'static {
    /// Its name in logs and events.
    fn name(&self) -> &'static str;
    /// The pause between rounds.
    fn period(&self) -> Duration;
    /// The longest pause after failures: how late a round may be once what was away is back.
    fn failure_pause_max(&self) -> Duration {
        FAILURE_PAUSE_MAX
    }
    /// How long a round may take before the job counts as stuck.
    fn round_max(&self) -> Duration {
        ROUND_MAX
    }
    /// One round.
    async fn run(&mut self) -> Backend<Next>;
    /// Waits for what rounds have left going on, after the last one.
    async fn finish(&mut self) {}
}

/// Repeats a job until it is told to stop, and starts again whatever ends before: a panic anywhere in it must not leave mails
/// and payments waiting for a restart of the server.
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
        tracing::error!(worker = pulse.worker(), ?pause, "a worker panicked and is started again");
        cancel.run_until_cancelled(tokio::time::sleep(pause)).await;
    }
    pulse.end();
}

/// The pause after so many failures in a row.
fn pause_after(failures: u32, longest: Duration) -> Duration {
    FAILURE_PAUSE.saturating_mul(1 << failures.min(10)).min(longest)
}

async fn work(job: &mut impl Job, office: &BoxOffice, pulse: &Pulse, cancel: &CancellationToken) {
    let mut failures = 0u32;
    while !cancel.is_cancelled() {
        pulse.begin(job.round_max());
        // A panic ends one round and not the job: without it nothing would be mailed, relayed or swept until a restart.
        let ran = AssertUnwindSafe(job.run()).catch_unwind().await;
        match &ran {
            Ok(_) => pulse.complete_round(),
            Err(_) => pulse.panicked(),
        }
        let pause = match ran.unwrap_or_else(|_| Err(BackendError::lasting(job.name(), "it panicked"))) {
            Ok(next) => {
                if failures > 0 {
                    tracing::info!(job = job.name(), failures, "works again");
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
                    tracing::warn!(job = job.name(), %error, retryable = error.retryable, "failed; trying again");
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

/// Tells the event log; when the store is what is away, the log line above is all there is.
async fn tell(office: &BoxOffice, code: &str, job: &str, count: u32) {
    let kind = EventKind::SystemError { code: code.into(), place: job.into(), count: u64::from(count) };
    if let Err(error) = office.outbox.append_events(&[office.event(kind)]).await {
        tracing::debug!(%error, "could not tell");
    }
}

#[cfg(test)]
#[path = "job_tests.rs"]
mod tests;
