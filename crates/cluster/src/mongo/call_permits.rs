//! Limits the concurrent calls of the database: a bounded number of calls runs, and a bounded number waits for a
//! bounded time. An overloaded database would answer every call late; refusing the excess early (load shedding) keeps
//! the other calls fast.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};

use super::fault::Fault;

/// Limit of the concurrent calls and transactions of one server. Each uses one connection.
pub const CALLS_AT_ONCE_MAX: usize = 32;
/// Limit of the calls that wait for a permit. Further calls are refused immediately.
pub const CALLS_WAITING_MAX: usize = 512;
/// How long a call waits for a permit before it is refused.
pub const PERMIT_WITHIN: Duration = Duration::from_secs(2);

#[derive(Clone, Debug)]
pub(super) struct CallPermits {
    under_way: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Default for CallPermits {
    fn default() -> Self {
        Self {
            under_way: Arc::new(Semaphore::new(CALLS_AT_ONCE_MAX)),
            waiting: Arc::new(Semaphore::new(CALLS_WAITING_MAX)),
        }
    }
}

impl CallPermits {
    /// Waits for a permit, first come first served. Dropping the permit returns it.
    pub(super) async fn take(&self) -> Result<SemaphorePermit<'_>, Fault> {
        if let Ok(permit) = self.under_way.try_acquire() {
            return Ok(permit);
        }
        let _waiting_permit = self.waiting.try_acquire().map_err(|_| Fault::Busy)?;
        match timeout(PERMIT_WITHIN, self.under_way.acquire()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(Fault::Busy),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt, future::join_all};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn call_is_refused_at_once_when_the_queue_is_full_and_otherwise_after_a_timeout() {
        let permits = CallPermits::default();
        let mut under_way = join_all((0..CALLS_AT_ONCE_MAX).map(|_| permits.take())).await;
        let mut waiting: Vec<_> = (0..CALLS_WAITING_MAX).map(|_| Box::pin(permits.take())).collect();
        for wait in &mut waiting {
            assert!(wait.now_or_never().is_none(), "the call waits");
        }
        let refused = permits.take().now_or_never().expect("the call is refused at once");
        assert!(matches!(refused, Err(Fault::Busy)));

        under_way.pop();
        let _next = waiting.remove(0).await.expect("the first in the queue gets the free permit");
        assert!(join_all(waiting).await.into_iter().all(|call| call.is_err()), "the other waiting calls time out");
        drop(under_way);
        assert!(permits.take().now_or_never().expect("a permit is free").is_ok());
    }
}
