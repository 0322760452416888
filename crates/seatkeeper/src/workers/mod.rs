//! What goes on in the background: the relay, the consumers and their lag, the mail sender, the sweeper, the reconciler, housekeeping.
//!
//! Each is a [`Job`] with an owner ([`Workers`]) that stops it; a job that fails is tried again, with growing pauses, for
//! ever, and says so once when it begins to fail and once when it works again. One that panics is started again, and `GET /readyz`
//! names it until it works.

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

/// The running jobs.
pub struct Workers {
    tracker: TaskTracker,
    cancel: CancellationToken,
    pulses: Vec<Arc<Pulse>>,
}

impl Workers {
    /// Starts them all.
    #[must_use]
    pub fn start(office: &Arc<BoxOffice>, mailer: Mailer) -> Self {
        let mut workers = Self { tracker: TaskTracker::new(), cancel: CancellationToken::new(), pulses: Vec::new() };
        workers.spawn(office, sweeper::Sweeper(Arc::clone(office)));
        let relay = relay::new_relay(office);
        workers.spawn(office, relay::ReleaseTeller { office: Arc::clone(office), relay });
        workers.spawn(office, relay::Relay { office: Arc::clone(office), id: relay });
        workers.spawn(office, consumer::EventConsumer::new(Arc::clone(office), Consumer::Mail));
        workers.spawn(office, consumer::EventConsumer::new(Arc::clone(office), Consumer::Audit));
        workers.spawn(office, lag_meter::LagMeter(Arc::clone(office)));
        workers.spawn(office, mail_sender::MailSender::new(Arc::clone(office), mailer));
        workers.spawn(office, reconciler::Reconciler::new(Arc::clone(office)));
        workers.spawn(office, housekeeping::ProgrammeFollower(Arc::clone(office)));
        workers.spawn(office, housekeeping::MapComparer(Arc::clone(office)));
        workers.spawn(office, housekeeping::SessionPurge(Arc::clone(office)));
        workers.tracker.close();
        workers
    }

    fn spawn(&mut self, office: &Arc<BoxOffice>, job: impl Job) {
        let pulse = Arc::new(Pulse::new(job.name()));
        self.pulses.push(Arc::clone(&pulse));
        self.tracker.spawn(supervise(job, Arc::clone(office), pulse, self.cancel.clone()));
    }

    /// What `GET /readyz` asks: a worker that panicked or is stuck is named there.
    pub fn health(&self) -> impl Iterator<Item = Arc<dyn Health>> {
        self.pulses.iter().map(|pulse| Arc::clone(pulse) as Arc<dyn Health>)
    }

    /// Lets each finish the round it is in. Answers false when one did not within `limit`.
    pub async fn stop(self, limit: Duration) -> bool {
        self.cancel.cancel();
        tokio::time::timeout(limit, self.tracker.wait()).await.is_ok()
    }
}
