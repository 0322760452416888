//! The provider's callbacks, which it sends in addition to its answers.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use jiff::Timestamp;
use seatkeeper_core::{ids::PaymentId, ports::ProviderAnswer};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::CallbackPlan;

/// The most callbacks in flight. Further callbacks are dropped, as during an outage of a real provider.
pub const CALLBACKS_WAITING_MAX: usize = 10_000;

/// A callback: the body of `POST /api/payments/callback/mock`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallbackMessage {
    /// The payment that the callback is about.
    pub payment_id: PaymentId,
    /// The new state of the payment's money.
    pub answer: ProviderAnswer,
    /// When the money entered that state.
    #[serde(with = "seatkeeper_core::time_text")]
    pub at: Timestamp,
}

/// Delivers callbacks to the server, signed, over HTTP.
#[async_trait]
pub trait CallbackSink: Send + Sync {
    /// Delivers one callback. A failed delivery is not retried: the server must ask the provider.
    async fn deliver(&self, message: CallbackMessage);
}

/// The callbacks in flight, which are cancelled when the provider stops.
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
            tracing::warn!(payment_id = %message.payment_id, "too many callbacks in flight: this one is lost");
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
