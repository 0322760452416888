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
    /// Makes one call of a Lua function. `make` gets a deadline by Redis's clock; a function that Redis runs after it
    /// does nothing.
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

    /// Makes one call per tag, all in one round trip. The replies are in the order of the calls.
    pub(super) async fn call_each(&self, tags: &[Tag], calls: &[Cmd]) -> Backend<Vec<(Code, Reply)>> {
        let ask = || async {
            let sent = Instant::now();
            let answers = self.link.ask_each(calls).await;
            let heard = tags.iter().zip(answers).map(|(tag, answer)| self.hear(*tag, sent, answer?));
            heard.collect()
        };
        self.within_time(ask).await
    }

    /// Sends plain commands, all in one round trip. The replies are in the order of the commands.
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

    /// Runs `ask`, and retries it once if the failure allows it. Both attempts together must end within
    /// [`CALL_WITHIN`].
    pub(super) async fn within_time<T, F>(&self, ask: impl Fn() -> F) -> Backend<T>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let both = async {
            match ask().await {
                Err(failure) if self.can_mend(&failure).await => match (ask().await, failure) {
                    // Redis may have run the first attempt before the connection was lost.
                    (Err(Failure::Late), Failure::Redis(first)) if is_lost(&first) => Err(Failure::Redis(first)),
                    (answer, _) => answer,
                },
                answer => answer,
            }
        };
        match tokio::time::timeout(CALL_WITHIN, both).await {
            Ok(answer) => answer.map_err(BackendError::from),
            Err(_) => Err(BackendError::retryable(PART, "Redis did not answer in time")),
        }
    }

    /// Repairs the cause of a failed call where possible, and returns whether a retry may succeed now.
    async fn can_mend(&self, failure: &Failure) -> bool {
        match failure {
            Failure::Redis(error) if is_function_missing(error) => {
                let log = |error: &_| tracing::warn!(part = PART, %error, "loading the functions into Redis failed");
                self.load_library().await.inspect_err(log).is_ok()
            }
            Failure::Redis(error) => is_lost(error),
            // The late reply contained Redis's time and so corrected the estimate of its clock; the retry gets a
            // correct deadline.
            Failure::Late => true,
            Failure::Senseless(_) => false,
        }
    }

    /// Loads the function library on every master. Overwriting it is safe: all servers of one version have the same
    /// text.
    pub(super) async fn load_library(&self) -> Result<(), RedisError> {
        let mut load = redis::cmd("FUNCTION");
        load.arg("LOAD").arg("REPLACE").arg(LIBRARY);
        self.link.ask_masters(load).await.map(drop)
    }
}
