//! Calls to Redis with a time limit, one retry where a retry can help, and errors that say whether they are retryable.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use redis::{Cmd, ErrorKind, RedisError, ServerErrorKind, Value};
use seatkeeper_core::{
    locks::Millis,
    ports::{Backend, BackendError},
};

use super::{
    PART, RedisLocks,
    function::LIBRARY,
    keys::Tag,
    reply::{Code, Reply},
};

/// Time limit of a call to Redis, including connecting and the retry. A function that Redis runs later does nothing.
pub const CALL_WITHIN: Duration = Duration::from_millis(800);

/// Why a call failed.
pub(super) enum Failure {
    /// Redis or the connection to it returned an error.
    Redis(RedisError),
    /// The function ran after its deadline and did nothing.
    Late,
    /// The reply is malformed.
    Senseless(BackendError),
}

impl From<RedisError> for Failure {
    fn from(error: RedisError) -> Self {
        Self::Redis(error)
    }
}

impl From<BackendError> for Failure {
    fn from(error: BackendError) -> Self {
        Self::Senseless(error)
    }
}

impl From<Failure> for BackendError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Redis(error) if is_lasting(&error) => Self::lasting(PART, error),
            Failure::Redis(error) => Self::retryable(PART, error),
            Failure::Late => Self::retryable(PART, "the call reached Redis too late and did nothing"),
            Failure::Senseless(error) => error,
        }
    }
}

/// The function library is missing: Redis is empty, or a replica without it was promoted.
fn is_function_missing(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::ResponseError)
        && error.detail().is_some_and(|detail| detail.contains("Function not found"))
}

/// The connection was lost, or could not be opened. A retry is safe because all calls are idempotent.
fn is_lost(error: &RedisError) -> bool {
    error.is_io_error() && !error.is_timeout()
}

fn is_lasting(error: &RedisError) -> bool {
    match error.kind() {
        ErrorKind::Server(ServerErrorKind::ResponseError) => !is_function_missing(error),
        ErrorKind::Server(ServerErrorKind::NoPerm)
        | ErrorKind::UnexpectedReturnType
        | ErrorKind::InvalidClientConfig
        | ErrorKind::Client => true,
        _ => false,
    }
}

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
