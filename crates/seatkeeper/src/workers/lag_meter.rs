//! Exports metrics: the number of unsent events in the outbox, and the number of events that each consumer has not
//! handled.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use seatkeeper_core::{
    box_office::BoxOffice,
    ports::{Backend, Consumer},
};

use super::job::{Job, Next};

/// Interval of updating the metrics; metrics are often scraped at this interval.
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
        let unsent = self.0.stores.outbox.count_unsent().await?;
        metrics::gauge!("seatkeeper_outbox_waiting").set(unsent as f64);
        for &consumer in Consumer::ALL {
            let lag = self.0.stores.events.lag(consumer).await?;
            metrics::gauge!("seatkeeper_events_behind", "consumer" => <&str>::from(consumer)).set(lag as f64);
        }
        Ok(Next::AfterPause)
    }
}
