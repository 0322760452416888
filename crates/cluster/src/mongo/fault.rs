//! Errors of the MongoDB store, and which of them a retry may resolve.

use mongodb::error::{
    Error, ErrorKind, IndexedWriteError, RETRYABLE_WRITE_ERROR, TRANSIENT_TRANSACTION_ERROR,
    UNKNOWN_TRANSACTION_COMMIT_RESULT, WriteFailure,
};
use seatkeeper_core::ports::{BackendError, TookTooLong};

/// This adapter's name in errors and health checks.
pub(super) const PART: &str = "store";

/// MongoDB's error code for a duplicate value in a unique index.
const DUPLICATE_KEY: i32 = 11_000;
/// MongoDB's error code for a query that has reached its time limit.
const MAX_TIME_EXPIRED: i32 = 50;
/// MongoDB's error codes of a server that is overloaded, stepping down, shutting down or too slow. A retry may reach
/// another server or succeed on the same one.
const PASSING_CODES: [i32; 20] = [
    6,  // HostUnreachable
    7,  // HostNotFound
    24, // LockTimeout
    43, // CursorNotFound
    MAX_TIME_EXPIRED,
    64,     // WriteConcernFailed
    89,     // NetworkTimeout
    91,     // ShutdownInProgress
    100,    // UnsatisfiableWriteConcern
    112,    // WriteConflict
    189,    // PrimarySteppedDown
    246,    // SnapshotUnavailable
    251,    // NoSuchTransaction
    262,    // ExceededTimeLimit
    9_001,  // SocketException
    10_107, // NotWritablePrimary
    11_600, // InterruptedAtShutdown
    11_602, // InterruptedDueToReplStateChange
    13_435, // NotPrimaryNoSecondaryOk
    13_436, // NotPrimaryOrSecondary
];

/// Why a call or a transaction failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// A document with the same unique key exists. Within a transaction, which this error aborts, it means that another
    /// writer has inserted the document since this transaction looked for it.
    #[error("a key exists already: {0}")]
    Duplicate(Error),
    #[error(transparent)]
    Driver(Error),
    #[error("a document of the store cannot be read: {0}")]
    Unreadable(#[from] mongodb::bson::error::Error),
    #[error("JSON in the store cannot be read: {0}")]
    Json(#[from] serde_json::Error),
    #[error("{0}")]
    Broken(&'static str),
    #[error("no answer in time; whether it was done is unknown")]
    Late,
    #[error("too many calls wait for the store; nothing was done")]
    Busy,
    #[error(transparent)]
    TooLong(#[from] TookTooLong),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        if is_duplicate_key(&error) { Self::Duplicate(error) } else { Self::Driver(error) }
    }
}

impl Fault {
    /// Whether the transaction was aborted by an error after which an immediate retry may succeed.
    pub(super) fn is_transient(&self) -> bool {
        match self {
            // No server was available for the seconds of the server selection, so an immediate retry would not succeed.
            Self::Driver(error) => error.contains_label(TRANSIENT_TRANSACTION_ERROR) && !is_nobody_there(error),
            Self::Duplicate(_) | Self::Unreadable(_) | Self::Json(_) | Self::Broken(_) => false,
            Self::Late | Self::Busy | Self::TooLong(_) => false,
        }
    }

    /// Whether it is unknown if the transaction was committed. Only repeating the commit reveals it.
    pub(super) fn is_commit_unknown(&self) -> bool {
        matches!(self, Self::Driver(error) if error.contains_label(UNKNOWN_TRANSACTION_COMMIT_RESULT))
    }

    /// The error of a query for administrators: names the cause if its time limit was reached.
    pub(super) fn of_query(self) -> Self {
        let is_time_up = match &self {
            Self::Late => true,
            Self::Driver(error) => {
                matches!(&*error.kind, ErrorKind::Command(error) if error.code == MAX_TIME_EXPIRED)
            }
            Self::Duplicate(_) | Self::Unreadable(_) | Self::Json(_) | Self::Broken(_) => false,
            Self::Busy | Self::TooLong(_) => false,
        };
        if is_time_up { TookTooLong.into() } else { self }
    }

    fn is_passing(&self) -> bool {
        match self {
            Self::Late | Self::Busy | Self::TooLong(_) => true,
            Self::Driver(error) => is_passing(error),
            Self::Duplicate(_) | Self::Unreadable(_) | Self::Json(_) | Self::Broken(_) => false,
        }
    }
}

impl From<Fault> for BackendError {
    fn from(fault: Fault) -> Self {
        if let Fault::TooLong(cause) = fault {
            return Self::retryable(PART, cause);
        }
        if fault.is_passing() { Self::retryable(PART, fault) } else { Self::lasting(PART, fault) }
    }
}

fn is_duplicate_key(error: &Error) -> bool {
    match &*error.kind {
        ErrorKind::Write(WriteFailure::WriteError(error)) => error.code == DUPLICATE_KEY,
        // If the error also has a write concern error, that one is reported, because it is retryable.
        ErrorKind::InsertMany(error) => {
            let mut refused = error.write_errors.iter().flatten();
            error.write_concern_error.is_none() && refused.any(|error| error.code == DUPLICATE_KEY)
        }
        ErrorKind::Command(error) => error.code == DUPLICATE_KEY,
        _ => false,
    }
}

/// Whether each document that was not inserted failed with a duplicate key.
pub(super) fn is_only_duplicates(error: &Error) -> bool {
    let ErrorKind::InsertMany(error) = &*error.kind else { return false };
    let are_duplicates = |errors: &Vec<IndexedWriteError>| errors.iter().all(|error| error.code == DUPLICATE_KEY);
    error.write_concern_error.is_none() && error.write_errors.as_ref().is_some_and(are_duplicates)
}

fn is_nobody_there(error: &Error) -> bool {
    matches!(*error.kind, ErrorKind::ServerSelection { .. })
}

fn is_passing(error: &Error) -> bool {
    let labels = [TRANSIENT_TRANSACTION_ERROR, UNKNOWN_TRANSACTION_COMMIT_RESULT, RETRYABLE_WRITE_ERROR];
    let code = match &*error.kind {
        ErrorKind::Io(_) | ErrorKind::ServerSelection { .. } | ErrorKind::ConnectionPoolCleared { .. } => return true,
        ErrorKind::Command(error) => Some(error.code),
        ErrorKind::Write(WriteFailure::WriteError(error)) => Some(error.code),
        ErrorKind::Write(WriteFailure::WriteConcernError(error)) => Some(error.code),
        ErrorKind::InsertMany(error) => error.write_concern_error.as_ref().map(|error| error.code),
        _ => None,
    };
    code.is_some_and(|code| PASSING_CODES.contains(&code)) || labels.iter().any(|label| error.contains_label(label))
}
