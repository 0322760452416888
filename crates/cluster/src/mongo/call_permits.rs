//! Limits the concurrent calls of the database: a bounded number of calls runs, and a bounded number waits for a
//! bounded time. An overloaded database would answer every call late; refusing the excess early (load shedding) keeps
//! the other calls fast.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use super::fault::Fault;

/// Limit of the concurrent calls and transactions of one server. Each uses one connection.
pub const CALLS_AT_ONCE_MAX: usize = 32;
/// Limit of the calls that wait for a permit. Further calls are refused immediately.
pub const CALLS_WAITING_MAX: usize = 512;
/// How long a call waits for a permit before it is refused.
pub const PERMIT_WITHIN: Duration = Duration::from_secs(2);

/// Limit of the concurrent lists and reports of administrators of one server, which have permits of their own. Each may
/// keep a processor of the database busy for as long as it runs.
pub const ADMIN_CALLS_AT_ONCE_MAX: usize = 2;
/// Limit of the lists and reports that wait for a permit.
pub const ADMIN_CALLS_WAITING_MAX: usize = 64;
/// How long a list or report waits for a permit. It is longer than for other calls, because no sale waits for a list or
/// report.
pub const ADMIN_PERMIT_WITHIN: Duration = Duration::from_secs(15);

#[derive(Clone, Debug)]
pub(super) struct CallPermits {
    under_way: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    within: Duration,
}

impl Default for CallPermits {
    fn default() -> Self {
        Self::new(CALLS_AT_ONCE_MAX, CALLS_WAITING_MAX, PERMIT_WITHIN)
    }
}

impl CallPermits {
    fn new(at_once_max: usize, waiting_max: usize, within: Duration) -> Self {
        let (under_way, waiting) = (Semaphore::new(at_once_max), Semaphore::new(waiting_max));
        Self { under_way: Arc::new(under_way), waiting: Arc::new(waiting), within }
    }

    /// The permits of the lists and reports of administrators.
    pub(super) fn for_administrators() -> Self {
        Self::new(ADMIN_CALLS_AT_ONCE_MAX, ADMIN_CALLS_WAITING_MAX, ADMIN_PERMIT_WITHIN)
    }

    /// Waits for a permit, first come first served. Dropping the permit returns it. The permit is owned, so that a task that
    /// outlives its caller can hold it.
    pub(super) async fn take(&self) -> Result<OwnedSemaphorePermit, Fault> {
        if let Ok(permit) = Arc::clone(&self.under_way).try_acquire_owned() {
            return Ok(permit);
        }
        let _waiting_permit = self.waiting.try_acquire().map_err(|_| Fault::Busy)?;
        match timeout(self.within, Arc::clone(&self.under_way).acquire_owned()).await {
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
