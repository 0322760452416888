//! Calls to Redis with a time limit, one retry where a retry can help, and errors that say whether they are retryable.

use std::{future::Future, time::Instant};

use redis::{Cmd, RedisError, Value};
use seatkeeper_core::{
    locks::Millis,
    ports::{Backend, BackendError},
};

use super::{
    PART, RedisLocks,
    failure::{CALL_WITHIN, Failure, is_function_missing, is_lost},
    function::LIBRARY,
    keys::Tag,
    reply::{Code, Reply},
};

impl RedisLocks {
    /// Makes one call. `make` gets the deadline by Redis's clock, after which the function must do nothing.
    pub(super) async fn call(&self, tag: Tag, make: impl Fn(Millis) -> Cmd) -> Backend<(Code, Reply)> {
        let begun = Instant::now();
        let ask = || async {
            let call = make(self.clocks.not_after(tag, begun, CALL_WITHIN));
            let sent = Instant::now();
            let answer = self.link.ask(&call).await?;
            self.hear(tag, sent, answer)
        };
        self.within_time(ask).await
    }

    /// Makes one call per tag in one round trip; replies are in the same order.
    pub(super) async fn call_each(&self, tags: &[Tag], calls: &[Cmd]) -> Backend<Vec<(Code, Reply)>> {
        let ask = || async {
            let sent = Instant::now();
            let answers = self.link.ask_each(calls).await;
            let heard = tags.iter().zip(answers).map(|(tag, answer)| self.hear(*tag, sent, answer?));
            heard.collect()
        };
        self.within_time(ask).await
    }

    /// Sends plain commands in one round trip; replies are in the same order.
    pub(super) async fn ask_each(&self, calls: &[Cmd]) -> Backend<Vec<Value>> {
        let ask = || async {
            let answers = self.link.ask_each(calls).await;
            Ok(answers.into_iter().collect::<Result<_, RedisError>>()?)
        };
        self.within_time(ask).await
    }

    fn hear(&self, tag: Tag, sent: Instant, answer: Value) -> Result<(Code, Reply), Failure> {
        let mut reply = Reply::read(answer)?;
        self.clocks.learn(tag, sent, Instant::now(), reply.at);
        match reply.code()? {
            Code::Late => Err(Failure::Late),
            code => Ok((code, reply)),
        }
    }

    /// Runs `ask`, and retries it once when that may help; both within [`CALL_WITHIN`].
    pub(super) async fn within_time<T, F>(&self, ask: impl Fn() -> F) -> Backend<T>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let both = async {
            match ask().await {
                Err(failure) if self.can_mend(&failure).await => ask().await,
                answer => answer,
            }
        };
        match tokio::time::timeout(CALL_WITHIN, both).await {
            Ok(answer) => answer.map_err(BackendError::from),
            Err(_) => Err(BackendError::retryable(PART, "Redis did not answer in time")),
        }
    }

    /// Repairs the cause of a failure where possible, and returns whether a retry may succeed now.
    async fn can_mend(&self, failure: &Failure) -> bool {
        match failure {
            Failure::Redis(error) if is_function_missing(error) => self.load_library().await.is_ok(),
            Failure::Redis(error) => is_lost(error),
            // The late reply has updated the estimate of Redis's clock, so the deadline of the retry is right.
            Failure::Late => true,
            Failure::Senseless(_) => false,
        }
    }

    /// Loads the functions on every master. Replacing is safe: one version of the library has exactly one text.
    pub(super) async fn load_library(&self) -> Result<(), RedisError> {
        let mut load = redis::cmd("FUNCTION");
        load.arg("LOAD").arg("REPLACE").arg(LIBRARY);
        self.link.ask_masters(load).await.map(drop)
    }
}
