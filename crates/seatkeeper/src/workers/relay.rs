//! Moves releases from the lock store to the outbox, and all events from the outbox to the event log. Only the server
//! that holds a lease in the store does this; the others poll until the lease expires.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use seatkeeper_core::{
    box_office::{BoxOffice, RELAY_EVENTS_MAX, end_lease, publish_releases, relay_events},
    ports::Backend,
};
use uuid::Uuid;

use super::job::{Job, Next};

const RELAY_PERIOD: Duration = Duration::from_millis(100);
const RELEASES_PERIOD: Duration = Duration::from_millis(200);
/// Polling interval of the servers without the lease. Each attempt to take the lease is a write to the store.
const LEASE_LOOK_PERIOD: Duration = Duration::from_secs(1);

/// A random id of this server, as the owner of the lease.
pub(super) fn new_relay(office: &BoxOffice) -> Uuid {
    let mut random = [0; 16];
    office.entropy.fill(&mut random);
    uuid::Builder::from_random_bytes(random).into_uuid()
}

/// Moves events from the outbox to the event log.
pub(super) struct Relay {
    pub(super) office: Arc<BoxOffice>,
    pub(super) id: Uuid,
}

#[async_trait]
impl Job for Relay {
    fn name(&self) -> &'static str {
        "relay"
    }

    fn period(&self) -> Duration {
        RELAY_PERIOD
    }

    async fn run(&mut self) -> Backend<Next> {
        let Some(moved) = relay_events(&self.office, self.id).await? else { return Ok(Next::After(LEASE_LOOK_PERIOD)) };
        metrics::counter!("seatkeeper_events_relayed_total").increment(moved as u64);
        Ok(if moved >= RELAY_EVENTS_MAX as usize { Next::AtOnce } else { Next::AfterPause })
    }

    async fn finish(&mut self) {
        if let Err(error) = end_lease(&self.office, self.id).await {
            tracing::warn!(%error, "the relay's lease could not be released; it expires by itself");
        }
    }
}

/// Moves releases of seat locks from the lock store to the outbox.
pub(super) struct ReleasePublisher {
    pub(super) office: Arc<BoxOffice>,
    /// This server's id as the owner of the relay's lease.
    pub(super) relay: Uuid,
}

#[async_trait]
impl Job for ReleasePublisher {
    fn name(&self) -> &'static str {
        "releases"
    }

    fn period(&self) -> Duration {
        RELEASES_PERIOD
    }

    async fn run(&mut self) -> Backend<Next> {
        let published = publish_releases(&self.office, self.relay).await?;
        Ok(if published > 0 { Next::AtOnce } else { Next::AfterPause })
    }
}
