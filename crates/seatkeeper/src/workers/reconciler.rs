//! Looks after payments that nobody is looking after.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use seatkeeper_core::{
    box_office::{BoxOffice, list_unfinished, resume_payment},
    ports::Backend,
};

use super::job::{Job, Next};

const RECONCILE_PERIOD: Duration = Duration::from_secs(1);
/// Payments taken further at once: each may wait for the provider, and those behind it must not lose their time.
const PAYMENTS_AT_ONCE_MAX: usize = 64;

pub(super) struct Reconciler(pub(super) Arc<BoxOffice>);

#[async_trait]
impl Job for Reconciler {
    fn name(&self) -> &'static str {
        "reconciler"
    }

    fn period(&self) -> Duration {
        RECONCILE_PERIOD
    }

    async fn run(&mut self) -> Backend<Next> {
        let (mut after, mut failure) = (None, None);
        loop {
            let page = list_unfinished(&self.0, after).await?;
            let resumed = stream::iter(page.items).map(|payment| resume_payment(&self.0, payment));
            let mut resumed = resumed.buffer_unordered(PAYMENTS_AT_ONCE_MAX);
            // One payment that fails must not keep the others waiting.
            while let Some(result) = resumed.next().await {
                failure = result.err().or(failure);
            }
            drop(resumed);
            after = page.next;
            if after.is_none() {
                return failure.map_or(Ok(Next::AfterPause), Err);
            }
        }
    }
}
