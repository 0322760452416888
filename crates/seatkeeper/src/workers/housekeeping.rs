//! Follows what other servers change, and forgets what is over.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use seatkeeper_core::{box_office::BoxOffice, ports::Backend};

use super::job::{Job, Next};

/// A change of the programme reaches every server in 2 s.
const PROGRAMME_PERIOD: Duration = Duration::from_secs(1);
const PURGE_PERIOD: Duration = Duration::from_secs(600);

pub(super) struct ProgrammeFollower(pub(super) Arc<BoxOffice>);

#[async_trait]
impl Job for ProgrammeFollower {
    fn name(&self) -> &'static str {
        "programme"
    }

    fn period(&self) -> Duration {
        PROGRAMME_PERIOD
    }

    async fn run(&mut self) -> Backend<Next> {
        self.0.follow_programme().await?;
        Ok(Next::AfterPause)
    }
}

pub(super) struct SessionPurge(pub(super) Arc<BoxOffice>);

#[async_trait]
impl Job for SessionPurge {
    fn name(&self) -> &'static str {
        "sessions"
    }

    fn period(&self) -> Duration {
        PURGE_PERIOD
    }

    async fn run(&mut self) -> Backend<Next> {
        let purged = self.0.sessions.purge_sessions(self.0.now()).await?;
        tracing::debug!(purged, "sessions purged");
        // One purge takes only so many: more than those may have ended since the last.
        Ok(if purged > 0 { Next::AtOnce } else { Next::AfterPause })
    }
}
