//! Finishes payments whose processing was interrupted, for example because a server died.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use seatkeeper_core::{
    box_office::{BoxOffice, list_unfinished, resume_payment},
    payment::Payment,
    ports::Backend,
};

use tokio::time::Instant;

use super::{
    job::{Job, Next},
    pauses::Pauses,
};

/// Interval at which unfinished payments are read and the locks of payments with unknown outcome are extended.
/// [`Pauses`] limits the calls of the payment provider.
const RECONCILE_PERIOD: Duration = Duration::from_secs(1);
/// Limit of the payments that are processed concurrently. Each may wait for the provider, and the payments after it
/// must not have to wait too long.
const PAYMENTS_AT_ONCE_MAX: usize = 64;

/// Time limit of a round. Each payment may wait for a provider that does not answer, and an outage may leave many
/// payments.
const LONG_ROUND_MAX: Duration = Duration::from_secs(600);

pub(super) struct Reconciler {
    office: Arc<BoxOffice>,
    pauses: Pauses,
}

impl Reconciler {
    pub(super) fn new(office: Arc<BoxOffice>) -> Self {
        Self { office, pauses: Pauses::default() }
    }
}

#[async_trait]
impl Job for Reconciler {
    fn name(&self) -> &'static str {
        "reconciler"
    }

    fn period(&self) -> Duration {
        RECONCILE_PERIOD
    }

    fn round_max(&self) -> Duration {
        LONG_ROUND_MAX
    }

    async fn run(&mut self) -> Backend<Next> {
        let Self { office, pauses } = self;
        let (mut after, mut failure) = (None, None);
        pauses.begin_round();
        loop {
            let page = list_unfinished(office, after).await?;
            let now = Instant::now();
            let start_if_due = |payment: &Payment| pauses.start_if_due(payment, now);
            let due: Vec<Payment> = page.items.into_iter().filter(start_if_due).collect();
            let resumed =
                stream::iter(due).map(|payment| async { (payment.id, resume_payment(office, payment).await) });
            let mut resumed = resumed.buffer_unordered(PAYMENTS_AT_ONCE_MAX);
            // One payment that fails must not delay the others.
            while let Some((id, result)) = resumed.next().await {
                if let Err(error) = result {
                    pauses.forget(id);
                    failure = Some(error);
                }
            }
            drop(resumed);
            after = page.next;
            if after.is_none() {
                return failure.map_or(Ok(Next::AfterPause), Err);
            }
        }
    }
}

#[cfg(test)]
#[path = "reconciler_tests.rs"]
mod tests;
