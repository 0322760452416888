//! What can go wrong, and whether to try again.

use mongodb::error::{
    Error, ErrorKind, IndexedWriteError, RETRYABLE_WRITE_ERROR, TRANSIENT_TRANSACTION_ERROR,
    UNKNOWN_TRANSACTION_COMMIT_RESULT, WriteFailure,
};
use seatkeeper_core::ports::BackendError;

use super::PART;

/// The server's code for a second document under a unique key.
const DUPLICATE_KEY: i32 = 11_000;
/// What a server says that is busy, stepping down, shutting down or too slow: another try may find another server, or find
/// this one well again.
const PASSING_CODES: [i32; 20] = [
    6,      // HostUnreachable
    7,      // HostNotFound
    24,     // LockTimeout
    43,     // CursorNotFound
    50,     // MaxTimeMSExpired
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

/// A piece of work that failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// A document with this key is there. Within a transaction, which it ends: somebody was faster than our look.
    #[error("a key that is there already: {0}")]
    Duplicate(Error),
    #[error(transparent)]
    Driver(Error),
    #[error("a document of the store: {0}")]
    Unreadable(#[from] mongodb::bson::error::Error),
    #[error("JSON in the store: {0}")]
    Json(#[from] serde_json::Error),
    #[error("{0}")]
    Broken(&'static str),
    #[error("no answer in time; whether it was done is unknown")]
    Late,
    #[error("too much is asked of the store at once; nothing was done")]
    Busy,
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        if is_duplicate_key(&error) { Self::Duplicate(error) } else { Self::Driver(error) }
    }
}

impl Fault {
    /// The transaction left nothing behind, and the same again may succeed at once.
    pub(super) fn is_transient(&self) -> bool {
        match self {
            // A server that was not found for seconds will not be there at once.
            Self::Driver(error) => error.contains_label(TRANSIENT_TRANSACTION_ERROR) && !is_nobody_there(error),
            Self::Duplicate(_) | Self::Unreadable(_) | Self::Json(_) | Self::Broken(_) => false,
            Self::Late | Self::Busy => false,
        }
    }

    /// The commit may have been made or not: only asking for it again tells.
    pub(super) fn is_commit_unknown(&self) -> bool {
        matches!(self, Self::Driver(error) if error.contains_label(UNKNOWN_TRANSACTION_COMMIT_RESULT))
    }

    fn is_passing(&self) -> bool {
        match self {
            Self::Late | Self::Busy => true,
            Self::Driver(error) => is_passing(error),
            Self::Duplicate(_) | Self::Unreadable(_) | Self::Json(_) | Self::Broken(_) => false,
        }
    }
}

impl From<Fault> for BackendError {
    fn from(fault: Fault) -> Self {
        if fault.is_passing() { Self::retryable(PART, fault) } else { Self::lasting(PART, fault) }
    }
}

fn is_duplicate_key(error: &Error) -> bool {
    match &*error.kind {
        ErrorKind::Write(WriteFailure::WriteError(error)) => error.code == DUPLICATE_KEY,
        // With a majority that did not answer it is the latter that counts: the same again may succeed.
        ErrorKind::InsertMany(error) => {
            let mut refused = error.write_errors.iter().flatten();
            error.write_concern_error.is_none() && refused.any(|error| error.code == DUPLICATE_KEY)
        }
        ErrorKind::Command(error) => error.code == DUPLICATE_KEY,
        _ => false,
    }
}

/// Of many documents, all that were not added are there already.
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
