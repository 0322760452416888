//! Why a call to Redis failed, and whether a retry can help.

use std::time::Duration;

use redis::{ErrorKind, RedisError, ServerErrorKind};
use seatkeeper_core::ports::{BackendError, DidNothing};

use super::PART;

/// Time limit of a call to Redis, including connecting and the retry. It is also the deadline of the called function,
/// which does nothing when Redis runs it later.
pub const CALL_WITHIN: Duration = Duration::from_millis(800);

/// Why a call failed.
pub(super) enum Failure {
    /// Redis or the connection to it returned an error.
    Redis(RedisError),
    /// Redis ran the function after its deadline, so the function did nothing.
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
            Failure::Late => Self::retryable(PART, DidNothing("the call reached Redis too late".to_owned())),
            Failure::Senseless(error) => error,
        }
    }
}

/// Whether the function library is missing, because Redis has lost its data or a replica without the library was
/// promoted.
pub(super) fn is_function_missing(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::ResponseError)
        && error.detail().is_some_and(|detail| detail.contains("Function not found"))
}

/// Whether the connection was lost or could not be opened. A retry is safe because all calls are idempotent.
pub(super) fn is_lost(error: &RedisError) -> bool {
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
