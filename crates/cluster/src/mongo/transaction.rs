//! Transactions, tried again as the driver's specification says: the whole of it when it met another, only the commit
//! when its result is unknown.

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

/// How long a transaction is tried, with all its repetitions.
pub const TRANSACTION_FOR_MAX: Duration = Duration::from_secs(8);
/// The first pause before a repetition, in microseconds. Pauses grow by half and are drawn by lot up to that length, so
/// that those who met do not meet again.
const PAUSE_US_FIRST: u64 = 5_000;
/// The longest pause, in microseconds.
const PAUSE_US_MAX: u64 = 500_000;
/// How often a transaction looks again because a key was written since its look. The next look sees that key: more than
/// a few are a bug.
const LOOKS_AGAIN_MAX: u32 = 8;

/// What a transaction does.
pub(super) trait Work<I, T>: for<'a> Fn(&'a mut Conn, &'a I) -> BoxFuture<'a, Result<T, Fault>> + Sync {}

impl<I, T, F: for<'a> Fn(&'a mut Conn, &'a I) -> BoxFuture<'a, Result<T, Fault>> + Sync> Work<I, T> for F {}

impl MongoStore {
    /// For calls that are each by themselves, not of a transaction.
    pub(super) fn conn(&self) -> Conn {
        Conn::new(self.database.clone(), None)
    }

    /// Answers within [`CALL_FOR_MAX`], once it has its turn.
    pub(super) async fn call<T>(&self, work: impl Future<Output = Result<T, Fault>>) -> Backend<T> {
        let _turn = self.turns.take().await?;
        self.call_at_once(work).await
    }

    /// The same out of turn: for what is small, and must work on a busy store too.
    pub(super) async fn call_at_once<T>(&self, work: impl Future<Output = Result<T, Fault>>) -> Backend<T> {
        let answer = timeout(CALL_FOR_MAX, work).await.unwrap_or(Err(Fault::Late));
        Ok(answer?)
    }

    /// Runs `work` on its input in a transaction and commits it; answers within [`TRANSACTION_FOR_MAX`]. Each try takes its
    /// turn. `work` may run more than once, so it changes nothing but the database; its input stands beside it, to be lent to each run.
    pub(super) async fn transact<I: Sync, T>(&self, input: I, work: impl Work<I, T>) -> Backend<T> {
        // A connection that is dropped in the middle aborts its transaction behind the scenes.
        let done = self.try_until_done(&input, work);
        let answer = timeout(TRANSACTION_FOR_MAX, done).await.unwrap_or(Err(Fault::Late));
        Ok(answer?)
    }

    async fn try_until_done<I: Sync, T>(&self, input: &I, work: impl Work<I, T>) -> Result<T, Fault> {
        let (mut pauses, mut looks_again) = (Pauses::default(), 0);
        loop {
            let turn = self.turns.take().await?;
            let mut session = self.database.client().start_session().await?;
            session.start_transaction().with_options(transaction_options()).await?;
            let mut conn = Conn::new(self.database.clone(), Some(session));
            let done = match work(&mut conn, input).await {
                Ok(value) => commit(&mut conn).await.map(|()| value),
                Err(fault) => {
                    // The first failure is the one to tell; a transaction that is not aborted here ends by itself.
                    drop(conn.abort().await);
                    Err(fault)
                }
            };
            match done {
                Err(fault) if fault.is_transient() => {}
                Err(Fault::Duplicate(_)) if looks_again < LOOKS_AGAIN_MAX => looks_again += 1,
                done => return done,
            }
            // Nobody waits for one who only waits for another.
            drop(turn);
            pauses.pause().await;
        }
    }
}

/// A commit may be asked for as often as one likes: it is made once.
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
