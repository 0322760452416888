//! Moves events from the outbox to the log.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use seatkeeper_core::{
    box_office::{BoxOffice, RELAY_EVENTS_MAX, relay_events},
    ports::Backend,
};
use uuid::Uuid;

use super::job::{Job, Next};

const RELAY_PERIOD: Duration = Duration::from_millis(100);

/// One of possibly many relays; a lease in the store lets one work at a time.
pub(super) struct Relay {
    office: Arc<BoxOffice>,
    id: Uuid,
}

impl Relay {
    pub(super) fn new(office: Arc<BoxOffice>) -> Self {
        let mut random = [0; 16];
        office.entropy.fill(&mut random);
        Self { office, id: uuid::Builder::from_random_bytes(random).into_uuid() }
    }
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
        let moved = relay_events(&self.office, self.id).await?;
        metrics::counter!("seatkeeper_events_relayed_total").increment(moved as u64);
        Ok(if moved >= RELAY_EVENTS_MAX as usize { Next::AtOnce } else { Next::AfterPause })
    }
}
