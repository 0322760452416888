//! Ends locks whose time is up, so that viewers learn of it within a second.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use seatkeeper_core::{box_office::BoxOffice, ports::Backend};

use super::job::{Job, Next};

/// Viewers are told within a second; this leaves most of it for the way.
const SWEEP_PERIOD: Duration = Duration::from_millis(250);

/// Viewers are told within a second also after the lock store was away.
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
