//! Removes expired seat locks, so that viewers see the seats as available within a second.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use seatkeeper_core::{box_office::BoxOffice, ports::Backend};

use super::job::{Job, Next};

/// Interval of the removal. Viewers must see the change within a second; most of that time remains for the delivery.
const SWEEP_PERIOD: Duration = Duration::from_millis(250);

/// Longest backoff. Short, so that viewers see expired locks within a second also after an outage of the lock store.
const FAILURE_PAUSE_MAX: Duration = Duration::from_millis(500);

pub(super) struct Sweeper(pub(super) Arc<BoxOffice>);

#[async_trait]
impl Job for Sweeper {
    fn name(&self) -> &'static str {
        "sweeper"
    }

    fn period(&self) -> Duration {
        SWEEP_PERIOD
    }

    fn failure_pause_max(&self) -> Duration {
        FAILURE_PAUSE_MAX
    }

    async fn run(&mut self) -> Backend<Next> {
        self.0.locks.sweep().await?;
        Ok(Next::AfterPause)
    }
}
