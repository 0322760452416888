//! Conversions between rows and types: ids as 16 bytes, times as milliseconds since 1970, money as satang, enum names
//! and JSON as text.

use std::str::FromStr;

use jiff::Timestamp;
use rusqlite::{Params, Row, Transaction};
use seatkeeper_core::{
    ids::{
        BookingId, DeadLetterId, EventId, HallId, MailId, MovieId, PaymentId, PersonId, PosterId, ScreeningId, SeatId,
    },
    money::Money,
    ports::{BackendError, PageRequest, TookTooLong},
};
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

pub(super) use seatkeeper_core::ports::{ms, whole_ms};

/// This adapter's name in errors and health checks.
pub(super) const PART: &str = "store";

/// Why a read or a write failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    #[error("JSON in the store cannot be read: {0}")]
    Json(#[from] serde_json::Error),
    #[error("the column {0} has an invalid value")]
    Unreadable(String),
    #[error("{0}")]
    Broken(&'static str),
    #[error("the work panicked")]
    Panicked,
    #[error(transparent)]
    TooLong(#[from] TookTooLong),
}

impl From<Fault> for BackendError {
    fn from(fault: Fault) -> Self {
        use rusqlite::ErrorCode as Code;
        let code = match &fault {
            Fault::Sqlite(error) => error.sqlite_error_code(),
            Fault::TooLong(cause) => return Self::retryable(PART, *cause),
            Fault::Json(_) | Fault::Unreadable(_) | Fault::Broken(_) | Fault::Panicked => None,
        };
        let passes = matches!(
            code,
            Some(
                Code::DatabaseBusy
                    | Code::DatabaseLocked
                    | Code::DiskFull
                    | Code::SystemIoFailure
                    | Code::CannotOpen
                    | Code::OutOfMemory
                    | Code::OperationInterrupted
                    | Code::OperationAborted
            )
        );
        if passes { Self::retryable(PART, fault) } else { Self::lasting(PART, fault) }
    }
}

/// An id that is stored as the 16 bytes of its UUID.
pub(super) trait StoredId: Sized {
    fn of_uuid(uuid: Uuid) -> Self;
    fn uuid(&self) -> Uuid;

    fn bytes(&self) -> [u8; 16] {
        self.uuid().into_bytes()
    }
}

macro_rules! stored_ids {
    ($($name:ident),*) => {$(
        impl StoredId for $name {
            fn of_uuid(uuid: Uuid) -> Self {
                Self::from_uuid(uuid)
            }
            fn uuid(&self) -> Uuid {
                self.as_uuid()
            }
        }
    )*};
}

stored_ids!(BookingId, DeadLetterId, EventId, HallId, MailId, MovieId, PaymentId, PersonId, PosterId, ScreeningId);

impl StoredId for Uuid {
    fn of_uuid(uuid: Uuid) -> Self {
        uuid
    }
    fn uuid(&self) -> Uuid {
        *self
    }
}

/// Reads a row's columns by name.
pub(super) trait Columns {
    fn id<T: StoredId>(&self, column: &str) -> Result<T, Fault>;
    fn maybe_id<T: StoredId>(&self, column: &str) -> Result<Option<T>, Fault>;
    fn time(&self, column: &str) -> Result<Timestamp, Fault>;
    fn maybe_time(&self, column: &str) -> Result<Option<Timestamp>, Fault>;
    fn json<T: DeserializeOwned>(&self, column: &str) -> Result<T, Fault>;
    fn word<T: FromStr>(&self, column: &str) -> Result<T, Fault>;
    fn maybe_word<T: FromStr>(&self, column: &str) -> Result<Option<T>, Fault>;
    fn number<T: TryFrom<i64>>(&self, column: &str) -> Result<T, Fault>;
    fn seat(&self, column: &str) -> Result<SeatId, Fault>;

    fn money(&self, column: &str) -> Result<Money, Fault> {
        Ok(Money::satang(self.number(column)?))
    }
}

impl Columns for Row<'_> {
    fn id<T: StoredId>(&self, column: &str) -> Result<T, Fault> {
        Ok(T::of_uuid(Uuid::from_bytes(self.get(column)?)))
    }

    fn maybe_id<T: StoredId>(&self, column: &str) -> Result<Option<T>, Fault> {
        let bytes: Option<[u8; 16]> = self.get(column)?;
        Ok(bytes.map(|bytes| T::of_uuid(Uuid::from_bytes(bytes))))
    }

    fn time(&self, column: &str) -> Result<Timestamp, Fault> {
        self.maybe_time(column)?.ok_or_else(|| Fault::Unreadable(column.to_owned()))
    }

    fn maybe_time(&self, column: &str) -> Result<Option<Timestamp>, Fault> {
        let ms: Option<i64> = self.get(column)?;
        let time = ms.map(Timestamp::from_millisecond).transpose();
        time.map_err(|_| Fault::Unreadable(column.to_owned()))
    }

    fn json<T: DeserializeOwned>(&self, column: &str) -> Result<T, Fault> {
        let text = self.get_ref(column)?.as_str().map_err(|_| Fault::Unreadable(column.to_owned()))?;
        Ok(serde_json::from_str(text)?)
    }

    fn word<T: FromStr>(&self, column: &str) -> Result<T, Fault> {
        self.maybe_word(column)?.ok_or_else(|| Fault::Unreadable(column.to_owned()))
    }

    fn maybe_word<T: FromStr>(&self, column: &str) -> Result<Option<T>, Fault> {
        let unreadable = || Fault::Unreadable(column.to_owned());
        let text = self.get_ref(column)?.as_str_or_null().map_err(|_| unreadable())?;
        text.map(|text| text.parse().map_err(|_| unreadable())).transpose()
    }

    fn number<T: TryFrom<i64>>(&self, column: &str) -> Result<T, Fault> {
        let number: i64 = self.get(column)?;
        T::try_from(number).map_err(|_| Fault::Unreadable(column.to_owned()))
    }

    fn seat(&self, column: &str) -> Result<SeatId, Fault> {
        let text = self.get_ref(column)?.as_str().ok();
        text.and_then(SeatId::parse).ok_or_else(|| Fault::Unreadable(column.to_owned()))
    }
}

pub(super) fn json_of<T: Serialize + ?Sized>(value: &T) -> Result<String, Fault> {
    Ok(serde_json::to_string(value)?)
}

/// Ids as a JSON array of hexadecimal texts. In SQL, `unhex(value)` over `json_each` turns them into bytes again.
pub(super) fn id_list<T: StoredId>(ids: &[T]) -> Result<String, Fault> {
    json_of(&ids.iter().map(|id| id.uuid().simple().to_string()).collect::<Vec<_>>())
}

pub(super) fn find<T>(
    tx: &Transaction<'_>,
    sql: &str,
    params: impl Params,
    read: impl FnMut(&Row<'_>) -> Result<T, Fault>,
) -> Result<Option<T>, Fault> {
    tx.prepare_cached(sql)?.query_and_then(params, read)?.next().transpose()
}

pub(super) fn list<T>(
    tx: &Transaction<'_>,
    sql: &str,
    params: impl Params,
    read: impl FnMut(&Row<'_>) -> Result<T, Fault>,
) -> Result<Vec<T>, Fault> {
    tx.prepare_cached(sql)?.query_and_then(params, read)?.collect()
}

/// Runs a statement, and returns the number of changed rows.
pub(super) fn run(tx: &Transaction<'_>, sql: &str, params: impl Params) -> Result<usize, Fault> {
    Ok(tx.prepare_cached(sql)?.execute(params)?)
}

/// Runs a query whose result is one number.
pub(super) fn count(tx: &Transaction<'_>, sql: &str, params: impl Params) -> Result<u64, Fault> {
    let number: i64 = tx.prepare_cached(sql)?.query_row(params, |row| row.get(0))?;
    u64::try_from(number).map_err(|_| Fault::Broken("a count is negative"))
}

pub(super) fn exists(tx: &Transaction<'_>, sql: &str, params: impl Params) -> Result<bool, Fault> {
    Ok(tx.prepare_cached(sql)?.exists(params)?)
}

/// The (time, id) after which a page in descending order begins.
pub(super) fn before(page: PageRequest) -> (i64, [u8; 16]) {
    page.after.map_or((i64::MAX, [0xff; 16]), |cursor| (cursor.at, cursor.id.into_bytes()))
}

/// The (time, id) after which a page in ascending order begins.
pub(super) fn after(page: PageRequest) -> (i64, [u8; 16]) {
    page.after.map_or((i64::MIN, [0; 16]), |cursor| (cursor.at, cursor.id.into_bytes()))
}

/// The limit of a query for a page: one row more than the page, to detect whether there is a next page.
pub(super) fn limit(page: PageRequest) -> i64 {
    i64::from(page.limit) + 1
}
