//! Exports the number of unsent outbox events and the lag of each consumer as metrics.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use seatkeeper_core::{
    box_office::BoxOffice,
    ports::{Backend, Consumer},
};

use super::job::{Job, Next};

/// A usual scrape interval of metrics.
const LAG_PERIOD: Duration = Duration::from_secs(10);

pub(super) struct LagMeter(pub(super) Arc<BoxOffice>);

#[async_trait]
impl Job for LagMeter {
    fn name(&self) -> &'static str {
        "lag"
    }

    fn period(&self) -> Duration {
        LAG_PERIOD
    }

    async fn run(&mut self) -> Backend<Next> {
        let unsent = self.0.outbox.count_unsent().await?;
        metrics::gauge!("seatkeeper_outbox_waiting").set(unsent as f64);
        for &consumer in Consumer::ALL {
            let lag = self.0.events.lag(consumer).await?;
            metrics::gauge!("seatkeeper_events_behind", "consumer" => <&str>::from(consumer)).set(lag as f64);
        }
        Ok(Next::AfterPause)
    }
}
