//! Background workers: relay, consumers of the event log and the metric of their lag, mail sender, sweeper of expired
//! locks, reconciler of payments, housekeeping.
//!
//! Each worker runs a [`Job`]; [`Workers`] starts and stops them. A job that fails is retried for ever with backoff,
//! and is logged once when it begins to fail and once when it recovers. A job that panics is restarted, and `GET
//! /readyz` reports it until it has recovered.

mod consumer;
mod housekeeping;
mod job;
mod lag_meter;
mod mail_sender;
mod pauses;
mod pulse;
mod reconciler;
mod relay;
mod sweeper;

use std::{sync::Arc, time::Duration};

use seatkeeper_core::{
    box_office::BoxOffice,
    ports::{Consumer, Health},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use mail_sender::Mailer;

use job::{Job, supervise};
use pulse::Pulse;

/// The running workers.
pub struct Workers {
    tracker: TaskTracker,
    cancel: CancellationToken,
    pulses: Vec<Arc<Pulse>>,
}

impl Workers {
    /// Starts all workers.
    #[must_use]
    pub fn start(office: &Arc<BoxOffice>, mailer: Mailer) -> Self {
        let mut workers = Self { tracker: TaskTracker::new(), cancel: CancellationToken::new(), pulses: Vec::new() };
        workers.spawn(office, sweeper::Sweeper(Arc::clone(office)));
        let relay = relay::new_relay(office);
        workers.spawn(office, relay::ReleasePublisher { office: Arc::clone(office), relay });
        workers.spawn(office, relay::Relay { office: Arc::clone(office), id: relay });
        workers.spawn(office, consumer::EventConsumer::new(Arc::clone(office), Consumer::Mail));
        workers.spawn(office, consumer::EventConsumer::new(Arc::clone(office), Consumer::Audit));
        workers.spawn(office, lag_meter::LagMeter(Arc::clone(office)));
        workers.spawn(office, mail_sender::MailSender::new(Arc::clone(office), mailer));
        workers.spawn(office, reconciler::Reconciler::new(Arc::clone(office)));
        workers.spawn(office, housekeeping::ProgrammeFollower(Arc::clone(office)));
        workers.spawn(office, housekeeping::ClockWatch::new(Arc::clone(office)));
        workers.spawn(office, housekeeping::MapComparer(Arc::clone(office)));
        workers.spawn(office, housekeeping::SessionPurge(Arc::clone(office)));
        workers.spawn(office, housekeeping::AuditPurge(Arc::clone(office)));
        workers.tracker.close();
        workers
    }

    fn spawn(&mut self, office: &Arc<BoxOffice>, job: impl Job) {
        let pulse = Arc::new(Pulse::new(job.name()));
        self.pulses.push(Arc::clone(&pulse));
        self.tracker.spawn(supervise(job, Arc::clone(office), pulse, self.cancel.clone()));
    }

    /// Health checks for `GET /readyz`, which names each worker that has panicked or is stuck.
    pub fn health(&self) -> impl Iterator<Item = Arc<dyn Health>> {
        self.pulses.iter().map(|pulse| Arc::clone(pulse) as Arc<dyn Health>)
    }

    /// Stops the workers after their current round. Returns false when one did not finish within `limit`.
    pub async fn stop(self, limit: Duration) -> bool {
        self.cancel.cancel();
        tokio::time::timeout(limit, self.tracker.wait()).await.is_ok()
    }
}
