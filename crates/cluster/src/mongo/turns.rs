//! Turns: how many calls are under way at once, how many wait, and how long. A database that is asked for more than it can do
//! does all of it late; whoever is refused at once may come back, and the others are served.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};

use super::fault::Fault;

/// Calls and transactions of one server under way at once. Each has a connection to itself.
pub const CALLS_AT_ONCE_MAX: usize = 32;
/// How many more may wait for their turn.
pub const CALLS_WAITING_MAX: usize = 512;
/// How long each of them waits.
pub const TURN_WITHIN: Duration = Duration::from_secs(2);

#[derive(Clone, Debug)]
pub(super) struct Turns {
    under_way: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Default for Turns {
    fn default() -> Self {
        Self {
            under_way: Arc::new(Semaphore::new(CALLS_AT_ONCE_MAX)),
            waiting: Arc::new(Semaphore::new(CALLS_WAITING_MAX)),
        }
    }
}

impl Turns {
    /// Waits for a turn, in the order of asking. It ends when the answer is dropped.
    pub(super) async fn take(&self) -> Result<SemaphorePermit<'_>, Fault> {
        if let Ok(turn) = self.under_way.try_acquire() {
            return Ok(turn);
        }
        let _place = self.waiting.try_acquire().map_err(|_| Fault::Busy)?;
        match timeout(TURN_WITHIN, self.under_way.acquire()).await {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(_)) | Err(_) => Err(Fault::Busy),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt, future::join_all};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn those_beyond_the_queue_are_refused_at_once_and_those_in_it_in_time() {
        let turns = Turns::default();
        let mut under_way = join_all((0..CALLS_AT_ONCE_MAX).map(|_| turns.take())).await;
        let mut waiting: Vec<_> = (0..CALLS_WAITING_MAX).map(|_| Box::pin(turns.take())).collect();
        for wait in &mut waiting {
            assert!(wait.now_or_never().is_none(), "it waits");
        }
        let refused = turns.take().now_or_never().expect("at once");
        assert!(matches!(refused, Err(Fault::Busy)));

        under_way.pop();
        let _next = waiting.remove(0).await.expect("the first in the queue is next");
        assert!(join_all(waiting).await.into_iter().all(|turn| turn.is_err()), "nobody waits longer than that");
        drop(under_way);
        assert!(turns.take().now_or_never().expect("at once").is_ok());
    }
}
