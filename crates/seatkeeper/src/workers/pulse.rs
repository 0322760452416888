//! Health of a worker, for `GET /readyz`.

use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use seatkeeper_core::ports::{Backend, BackendError, Health};
use tokio::time::Instant;

/// Heartbeat of a worker.
#[derive(Debug)]
pub(super) struct Pulse {
    worker: &'static str,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// A panic ended the last round or the worker.
    has_panicked: bool,
    /// The time from which a missing heartbeat is late. None before the start and after the end.
    late_from: Option<Instant>,
}

impl Pulse {
    pub(super) fn new(worker: &'static str) -> Self {
        Self { worker, state: Mutex::default() }
    }

    pub(super) const fn worker(&self) -> &'static str {
        self.worker
    }

    /// Starts a step that takes at most this time.
    pub(super) fn begin(&self, takes_max: Duration) {
        self.state.lock().late_from = Some(Instant::now() + takes_max);
    }

    /// Ends a round, whether it succeeded or failed.
    pub(super) fn complete_round(&self) {
        self.state.lock().has_panicked = false;
    }

    pub(super) fn panicked(&self) {
        self.state.lock().has_panicked = true;
    }

    /// Ends the worker: it was stopped, and is not late any more.
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
