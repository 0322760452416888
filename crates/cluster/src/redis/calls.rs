//! How a call is made: in time, once more if that helps, and with an error that says whether trying later will.

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

/// The longest that a call waits for Redis, with connecting and trying again. A function that runs later does nothing.
pub const CALL_WITHIN: Duration = Duration::from_millis(800);

/// What became of a call that was not answered as it should be.
pub(super) enum Failure {
    /// Redis, or the way to it, says no.
    Redis(RedisError),
    /// It ran too late and did nothing.
    Late,
    /// The answer makes no sense.
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

/// The library is not there: Redis is new, or another has been promoted.
fn is_function_missing(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::ResponseError)
        && error.detail().is_some_and(|detail| detail.contains("Function not found"))
}

/// The connection was lost, or there was none. All calls are safe to repeat.
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
    /// One call. `make` is given the time of Redis after which it must do nothing.
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

    /// Calls, one of each of these tags, in one round trip; answers in the same order.
    pub(super) async fn call_each(&self, tags: &[Tag], calls: &[Cmd]) -> Backend<Vec<(Code, Reply)>> {
        let ask = || async {
            let sent = Instant::now();
            let answers = self.link.ask_each(calls).await;
            let heard = tags.iter().zip(answers).map(|(tag, answer)| self.hear(*tag, sent, answer?));
            heard.collect()
        };
        self.within_time(ask).await
    }

    /// Plain commands in one round trip; answers in the same order.
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

    /// Asks, and once more when that may help; no longer than [`CALL_WITHIN`].
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

    /// Does what can be done about a failure; whether asking again may help now.
    async fn can_mend(&self, failure: &Failure) -> bool {
        match failure {
            Failure::Redis(error) if is_function_missing(error) => self.load_library().await.is_ok(),
            Failure::Redis(error) => is_lost(error),
            // The clock has just been learnt anew.
            Failure::Late => true,
            Failure::Senseless(_) => false,
        }
    }

    /// Loads the functions on every Redis that is written to. Of one version there is one text.
    pub(super) async fn load_library(&self) -> Result<(), RedisError> {
        let mut load = redis::cmd("FUNCTION");
        load.arg("LOAD").arg("REPLACE").arg(LIBRARY);
        self.link.ask_masters(load).await.map(drop)
    }
}
