//! The provider's own messages, sent beside its answers.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use jiff::Timestamp;
use seatkeeper_core::{ids::PaymentId, ports::ProviderAnswer};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::CallbackPlan;

/// The most messages on their way at once; more are lost, as at a provider with troubles of its own.
pub const CALLBACKS_WAITING_MAX: usize = 10_000;

/// What the provider says by itself: the body of `POST /api/payments/callback/mock`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallbackMessage {
    /// Of which payment.
    pub payment_id: PaymentId,
    /// Where its money is.
    pub answer: ProviderAnswer,
    /// Since when.
    #[serde(with = "seatkeeper_core::time_text")]
    pub at: Timestamp,
}

/// Brings a message to the server: signed, by HTTP.
#[async_trait]
pub trait CallbackSink: Send + Sync {
    /// Delivers one. Nobody repeats it when that fails: the server must come to the truth by asking.
    async fn deliver(&self, message: CallbackMessage);
}

/// Messages on their way, ended with the provider.
pub(super) struct Callbacks {
    sink: Option<Arc<dyn CallbackSink>>,
    tasks: TaskTracker,
    stopping: CancellationToken,
    room: Arc<Semaphore>,
}

impl Callbacks {
    pub(super) fn to(sink: Option<Arc<dyn CallbackSink>>) -> Self {
        let room = Arc::new(Semaphore::new(CALLBACKS_WAITING_MAX));
        Self { sink, tasks: TaskTracker::new(), stopping: CancellationToken::new(), room }
    }

    pub(super) fn send(&self, message: CallbackMessage, plan: CallbackPlan) {
        let (times, delay) = match plan {
            CallbackPlan::Never => return,
            CallbackPlan::OnTime => (1, Duration::ZERO),
            CallbackPlan::Late(delay) => (1, delay),
            CallbackPlan::Twice => (2, Duration::ZERO),
        };
        let Some(sink) = self.sink.clone() else { return };
        let Ok(place) = Arc::clone(&self.room).try_acquire_owned() else {
            tracing::warn!(payment_id = %message.payment_id, "too many callbacks on their way: this one is lost");
            return;
        };
        let deliver = async move {
            if !delay.is_zero() {
                tokio::time::sleep(delay).await;
            }
            for _ in 0..times {
                sink.deliver(message).await;
            }
            drop(place);
        };
        let stopping = self.stopping.clone();
        self.tasks.spawn(async move { stopping.run_until_cancelled(deliver).await });
    }

    pub(super) async fn stop(&self) {
        self.stopping.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for Callbacks {
    fn drop(&mut self) {
        self.stopping.cancel();
    }
}
