//! Looks after payments that nobody is looking after.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use seatkeeper_core::{
    box_office::{BoxOffice, UNFINISHED_PAYMENTS_MAX, resume_unfinished},
    ports::Backend,
};

use super::job::{Job, Next};

const RECONCILE_PERIOD: Duration = Duration::from_secs(1);

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
        let met = resume_unfinished(&self.0).await?;
        if met >= UNFINISHED_PAYMENTS_MAX as usize {
            tracing::warn!(met, "very many payments are unfinished");
        }
        Ok(Next::AfterPause)
    }
}
