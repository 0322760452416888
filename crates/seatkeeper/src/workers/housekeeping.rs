//! Follows changes of the programme by other servers, watches the clock, compares the seat maps with the ledger, and deletes
//! expired sessions and old entries of the audit log.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use jiff::Timestamp;
use seatkeeper_core::{
    box_office::{BoxOffice, compare_map, forget_audit, list_loaded_maps},
    ports::Backend,
};

use super::job::{Job, Next};

/// Polling interval of the programme, with which a change reaches every server within 2 s.
const PROGRAMME_PERIOD: Duration = Duration::from_secs(1);
/// Interval of comparing the clock with the time before.
const CLOCK_PERIOD: Duration = Duration::from_secs(1);
const PURGE_PERIOD: Duration = Duration::from_secs(600);
/// Pause between two batches when old entries of the audit log are deleted. The deletion then still keeps up with
/// several accounts that lock and release seats as fast as the rate limit allows, and the store has most of its time
/// for sales.
const BATCH_PAUSE: Duration = Duration::from_millis(100);
/// Interval of comparing each seat map with the ledger; the longest time that they may differ.
const COMPARE_PERIOD: Duration = Duration::from_secs(60);

/// Time limit of a round that compares the seat maps: there may be thousands, and each costs a read of the store.
const LONG_ROUND_MAX: Duration = Duration::from_secs(600);

pub(super) struct ProgrammeFollower(pub(super) Arc<BoxOffice>);

#[async_trait]
impl Job for ProgrammeFollower {
    fn name(&self) -> &'static str {
        "programme"
    }

    fn period(&self) -> Duration {
        PROGRAMME_PERIOD
    }

    fn failure_pause_max(&self) -> Duration {
        PROGRAMME_PERIOD
    }

    async fn run(&mut self) -> Backend<Next> {
        self.0.follow_programme().await?;
        Ok(Next::AfterPause)
    }
}

/// Notices when the clock was set back, and then shortens the times in the store that would last too long.
pub(super) struct ClockWatch {
    office: Arc<BoxOffice>,
    /// The time of the last round; `None` before the first round, which knows nothing of the clock before the start.
    last: Option<Timestamp>,
}

impl ClockWatch {
    pub(super) const fn new(office: Arc<BoxOffice>) -> Self {
        Self { office, last: None }
    }
}

#[async_trait]
impl Job for ClockWatch {
    fn name(&self) -> &'static str {
        "clock"
    }

    fn period(&self) -> Duration {
        CLOCK_PERIOD
    }

    async fn run(&mut self) -> Backend<Next> {
        let now = self.office.now();
        if self.last.is_none_or(|last| now < last) {
            if let Some(last) = self.last {
                let by_ms = last.as_millisecond() - now.as_millisecond();
                tracing::warn!(
                    by_ms,
                    "the clock was set back; payments and leases last their own time from now at most"
                );
            }
            self.office.stores.times.limit_times(now).await?;
        }
        self.last = Some(now);
        Ok(Next::AfterPause)
    }
}

pub(super) struct MapComparer(pub(super) Arc<BoxOffice>);

#[async_trait]
impl Job for MapComparer {
    fn name(&self) -> &'static str {
        "maps"
    }

    fn period(&self) -> Duration {
        COMPARE_PERIOD
    }

    fn round_max(&self) -> Duration {
        LONG_ROUND_MAX
    }

    async fn run(&mut self) -> Backend<Next> {
        let (mut after, mut failure) = (None, None);
        loop {
            let page = list_loaded_maps(&self.0, after).await?;
            for screening in page.items {
                match compare_map(&self.0, screening).await {
                    Ok(false) => {}
                    Ok(true) => {
                        tracing::warn!(%screening, "the seat map differed from the store and was reloaded");
                        metrics::counter!("seatkeeper_maps_mended_total").increment(1);
                    }
                    // A map that cannot be reloaded must not prevent the comparison of the others.
                    Err(error) => failure = Some(error),
                }
            }
            after = page.next;
            if after.is_none() {
                return failure.map_or(Ok(Next::AfterPause), Err);
            }
        }
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
        let purged = self.0.stores.sessions.purge_sessions(self.0.now()).await?;
        tracing::debug!(purged, "sessions purged");
        // A call deletes a limited batch, so there may be more to delete.
        Ok(if purged > 0 { Next::AtOnce } else { Next::AfterPause })
    }
}

pub(super) struct AuditPurge(pub(super) Arc<BoxOffice>);

#[async_trait]
impl Job for AuditPurge {
    fn name(&self) -> &'static str {
        "audit"
    }

    fn period(&self) -> Duration {
        PURGE_PERIOD
    }

    async fn run(&mut self) -> Backend<Next> {
        let has_more = forget_audit(&self.0).await?;
        Ok(if has_more { Next::After(BATCH_PAUSE) } else { Next::AfterPause })
    }
}

#[cfg(test)]
#[path = "clock_watch_tests.rs"]
mod tests;
