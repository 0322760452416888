//! Runs transactions with the retries of the driver specification: the whole transaction is retried after a transient
//! error such as a write conflict, and only the commit when its result is unknown.

use std::time::Duration;

use futures_util::future::BoxFuture;
use rand::Rng;
use seatkeeper_core::ports::Backend;
use tokio::time::{sleep, timeout};

use super::{
    MongoStore,
    conn::Conn,
    fault::Fault,
    open::{CALL_FOR_MAX, transaction_options},
};

/// Time limit of a transaction, including its retries and the waits between them.
pub const TRANSACTION_FOR_MAX: Duration = Duration::from_secs(8);
/// First backoff before a retry, in microseconds. The backoff grows by half each time, with random jitter over its
/// whole length, so that conflicting transactions do not collide again.
const PAUSE_US_FIRST: u64 = 5_000;
/// Longest backoff, in microseconds.
const PAUSE_US_MAX: u64 = 500_000;
/// Limit of the retries of a transaction after a duplicate key that another writer inserted since the lookup. The first
/// retry sees that key, so more than a few retries mean a bug.
const LOOKS_AGAIN_MAX: u32 = 8;

/// The body of a transaction: a function of a connection and an input.
pub(super) trait Work<I, T>: for<'a> Fn(&'a mut Conn, &'a I) -> BoxFuture<'a, Result<T, Fault>> + Sync {}

impl<I, T, F: for<'a> Fn(&'a mut Conn, &'a I) -> BoxFuture<'a, Result<T, Fault>> + Sync> Work<I, T> for F {}

impl MongoStore {
    /// A connection for calls outside of a transaction.
    pub(super) fn conn(&self) -> Conn {
        Conn::new(self.database.clone(), None)
    }

    /// Waits for a permit, which limits the concurrent calls, then runs `work` with a timeout of [`CALL_FOR_MAX`].
    pub(super) async fn call<T>(&self, work: impl Future<Output = Result<T, Fault>>) -> Backend<T> {
        let _permit = self.permits.take().await?;
        self.call_at_once(work).await
    }

    /// Runs a query for an administrator's list or report, with a permit of its own kind and a timeout of
    /// [`CALL_FOR_MAX`]. MongoDB works on a query until the query's time limit, also when its caller has gone. So it
    /// runs in a task that keeps the permit until then: no more queries than permits keep the database busy.
    pub(super) async fn admin_call<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Fault>> + Send + 'static,
    ) -> Backend<T> {
        let permit = self.admin_permits.take().await?;
        let query = self.stop.clone().run_until_cancelled_owned(async move {
            let _permit = permit;
            timeout(CALL_FOR_MAX, work).await.unwrap_or(Err(Fault::Late)).map_err(Fault::of_query)
        });
        let answer = match self.tasks.spawn(query).await {
            Ok(Some(answer)) => answer,
            Err(error) if error.is_panic() => Err(Fault::Broken("the query has panicked")),
            Ok(None) | Err(_) => Err(Fault::Broken("the query was cancelled, because this server stops")),
        };
        Ok(answer?)
    }

    /// Runs `work` without a permit: for small calls that must succeed even on an overloaded store.
    pub(super) async fn call_at_once<T>(&self, work: impl Future<Output = Result<T, Fault>>) -> Backend<T> {
        let answer = timeout(CALL_FOR_MAX, work).await.unwrap_or(Err(Fault::Late));
        Ok(answer?)
    }

    /// Runs `work` with its input in a transaction and commits it, within [`TRANSACTION_FOR_MAX`]. Each attempt needs a
    /// permit. A retry runs `work` again with the same borrowed input, so `work` must have no side effects outside of
    /// the database.
    pub(super) async fn transact<I: Sync, T>(&self, input: I, work: impl Work<I, T>) -> Backend<T> {
        // At the timeout the session is dropped, and the driver aborts the session's transaction in the background.
        let done = self.try_until_done(&input, work);
        let answer = timeout(TRANSACTION_FOR_MAX, done).await.unwrap_or(Err(Fault::Late));
        Ok(answer?)
    }

    async fn try_until_done<I: Sync, T>(&self, input: &I, work: impl Work<I, T>) -> Result<T, Fault> {
        let (mut pauses, mut looks_again) = (Pauses::default(), 0);
        loop {
            let permit = self.permits.take().await?;
            let mut session = self.database.client().start_session().await?;
            session.start_transaction().with_options(transaction_options()).await?;
            let mut conn = Conn::new(self.database.clone(), Some(session));
            let done = match work(&mut conn, input).await {
                Ok(value) => commit(&mut conn).await.map(|()| value),
                Err(fault) => {
                    // The first error is reported. If the abort fails too, MongoDB aborts the transaction later.
                    drop(conn.abort().await);
                    Err(fault)
                }
            };
            match done {
                Err(fault) if fault.is_transient() => {}
                Err(Fault::Duplicate(_)) if looks_again < LOOKS_AGAIN_MAX => looks_again += 1,
                done => return done,
            }
            // The permit is returned before the backoff, so that other calls can use it.
            drop(permit);
            pauses.pause().await;
        }
    }
}

/// Retries the commit until its result is known; committing is idempotent.
async fn commit(conn: &mut Conn) -> Result<(), Fault> {
    let mut pauses = Pauses::default();
    loop {
        match conn.commit().await {
            Err(fault) if fault.is_commit_unknown() => pauses.pause().await,
            done => return done,
        }
    }
}

struct Pauses {
    next_us: u64,
}

impl Default for Pauses {
    fn default() -> Self {
        Self { next_us: PAUSE_US_FIRST }
    }
}

impl Pauses {
    async fn pause(&mut self) {
        let drawn = rand::rng().random_range(0..=self.next_us);
        self.next_us = (self.next_us + self.next_us / 2).min(PAUSE_US_MAX);
        sleep(Duration::from_micros(drawn)).await;
    }
}
