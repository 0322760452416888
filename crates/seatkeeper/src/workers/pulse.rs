//! The health of a worker, which `GET /readyz` reports.

use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use seatkeeper_core::ports::{Backend, BackendError, Health};
use tokio::time::Instant;

/// Records when a worker makes progress.
#[derive(Debug)]
pub(super) struct Pulse {
    worker: &'static str,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Whether the last round, or the worker itself, ended with a panic.
    has_panicked: bool,
    /// When the current step of the worker counts as late. `None` before the start and after the end of the worker.
    late_from: Option<Instant>,
}

impl Pulse {
    pub(super) fn new(worker: &'static str) -> Self {
        Self { worker, state: Mutex::default() }
    }

    pub(super) const fn worker(&self) -> &'static str {
        self.worker
    }

    /// Starts a step, which counts as late after `takes_max`.
    pub(super) fn begin(&self, takes_max: Duration) {
        self.state.lock().late_from = Some(Instant::now() + takes_max);
    }

    /// Ends a round without a panic, whether it succeeded or failed.
    pub(super) fn complete_round(&self) {
        self.state.lock().has_panicked = false;
    }

    pub(super) fn panicked(&self) {
        self.state.lock().has_panicked = true;
    }

    /// Ends the worker after it was stopped: it is no longer late.
    pub(super) fn end(&self) {
        *self.state.lock() = State::default();
    }
}

#[async_trait]
impl Health for Pulse {
    fn part(&self) -> &'static str {
        self.worker
    }

    async fn ping(&self) -> Backend<()> {
        let state = self.state.lock();
        if state.has_panicked {
            return Err(BackendError::retryable(self.worker, "it panicked and is started again"));
        }
        if state.late_from.is_some_and(|late| Instant::now() > late) {
            return Err(BackendError::retryable(self.worker, "it is stuck"));
        }
        Ok(())
    }
}
