//! The ports: traits for everything that the rules do not do themselves, such as stores, locks and providers. Adapters
//! implement them, and contract suites in the crate `seatkeeper-testing` define their behaviour. Two adapters of each
//! port ship: an embedded one and one for a cluster.
//!
//! Conventions: an outcome that a caller can cause is a value; [`BackendError`] means that a component behind a port
//! failed. A `find_` may return nothing; a `list_` returns many items, up to a limit.

mod audit;
mod dead_letters;
mod event_log;
mod ledger;
mod locks;
mod mail;
mod outbox;
mod people;
mod programme;
mod provider;
mod sales;
mod stores;
mod times;

use std::fmt;

use jiff::Timestamp;
use uuid::Uuid;

pub use crate::environment::{Clock, Entropy};
pub use audit::{AuditFilter, AuditKept, AuditLog, PASSING_ACTIONS};
pub use dead_letters::{DeadLetter, DeadLetters};
pub use event_log::{Consumer, EventLog, LOGGED_AGE_MAX, LoggedEvent};
pub use ledger::{
    CloseOutcome, ClosePayment, CommitBooking, CommitOutcome, ConfirmStart, IdempotencyKey, Ledger, NewPayment,
    Reservation, Reservations, ShownToPayer, StartOutcome, StoredAnswer,
};
pub use locks::{LiveChanges, LiveFeed, LockSeats, LockStore, Releases, SeatLocks, SeatMaps};
pub use mail::{Mail, MailAttempt, MailQueue, MailStatus, NewMail, SENT_MAIL_AGE_MAX};
pub use outbox::Outbox;
pub use people::{AddAdmin, AddAdminOutcome, ConfirmedSignIn, DEMOTED, NAMESAKES_MAX, People, Sessions};
pub use programme::{Poster, Posters, Programme, ProgrammeChange, ProgrammeOutcome, ScreeningFilter, ScreeningNames};
pub use provider::{Charge, MockBook, PaymentProvider, ProviderAnswer, ProviderError};
pub use sales::{BookingFilter, CustomerBooking, MovieSales, Sales, SalesSlice, SalesTotals};
pub use stores::{Store, Stores};
pub use times::{MAIL_WAIT_MAX, RELAY_LEASE_MAX, RESERVATION_LEASE_MAX, StoredTimes};

/// Milliseconds since 1970, the precision of stores. The time is truncated, so that a stored time compares like the one
/// that was written.
#[must_use]
pub fn ms(time: Timestamp) -> i64 {
    time.as_millisecond()
}

/// The time truncated to milliseconds, as a store returns it.
#[must_use]
pub fn whole_ms(time: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(ms(time)).unwrap_or(time)
}

/// The failure of a component behind a port. Use cases do not know its causes, only whether a retry may succeed.
#[derive(Debug, thiserror::Error)]
#[error("{part}: {source}")]
pub struct BackendError {
    /// The failed component: `store`, `locks`, `events`.
    pub part: &'static str,
    /// Whether the same call may succeed later.
    pub retryable: bool,
    /// The cause of the failure; for logs, never for users.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

impl BackendError {
    /// A failure that a retry may overcome: the component is unavailable, slow or busy.
    pub fn retryable(part: &'static str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { part, retryable: true, source: source.into() }
    }

    /// A failure that no retry overcomes: bad data, or a bug.
    pub fn lasting(part: &'static str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { part, retryable: false, source: source.into() }
    }

    /// Whether the call certainly changed nothing. Of other failures this is unknown.
    #[must_use]
    pub fn did_nothing(&self) -> bool {
        self.source.is::<DidNothing>()
    }

    /// Whether a query was ended at its time limit.
    #[must_use]
    pub fn took_too_long(&self) -> bool {
        self.source.is::<TookTooLong>()
    }
}

/// The cause of a [`BackendError`] of a call that certainly changed nothing.
#[derive(Debug, thiserror::Error)]
#[error("{0}; the call did nothing")]
pub struct DidNothing(pub String);

/// The cause of a [`BackendError`] when a query was ended at its time limit. A narrower query may succeed.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the query was ended, because it took longer than it may")]
pub struct TookTooLong;

/// The result of a call of a port.
pub type Backend<T> = Result<T, BackendError>;

/// The most items of one page.
pub const PAGE_ITEMS_MAX: u32 = 200;
/// The size of a page when the caller gives none.
pub const PAGE_ITEMS_DEFAULT: u32 = 50;

/// The sort key of a page's last item. Opaque to clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The item's time in milliseconds, or 0 where the order is by id alone.
    pub at: i64,
    /// The item's id.
    pub id: Uuid,
}

impl Cursor {
    /// Parses the text that [`fmt::Display`] writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (at, id) = text.split_once('.')?;
        let at = i64::from_str_radix(at, 16).ok().filter(|at| *at >= 0)?;
        let cursor = Self { at, id: Uuid::try_parse(id).ok()? };
        (cursor.to_string() == text).then_some(cursor)
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}.{}", self.at, self.id.simple())
    }
}

/// A request for one page of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// The page begins after this item; the first page when `None`.
    pub after: Option<Cursor>,
    /// The page size, 1 to [`PAGE_ITEMS_MAX`].
    pub limit: u32,
}

impl PageRequest {
    /// The first page, of the largest size.
    pub const FIRST: Self = Self { after: None, limit: PAGE_ITEMS_MAX };
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The items, in the list's order.
    pub items: Vec<T>,
    /// The cursor of the next page, if there is one.
    pub next: Option<Cursor>,
}

impl<T> Page<T> {
    /// Makes a page of `items` that were read with a limit of one more than the page size. Whether that one exists
    /// decides whether there is a next page.
    #[must_use]
    pub fn cut(mut items: Vec<T>, limit: u32, key: impl Fn(&T) -> Cursor) -> Self {
        let limit = limit as usize;
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(key);
        Self { items, next }
    }

    /// A page with `f` applied to each item.
    #[must_use]
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(f).collect(), next: self.next }
    }
}

/// A component with a health check.
#[async_trait::async_trait]
pub trait Health: Send + Sync {
    /// The component's name: `store`, `locks`, `events`.
    fn part(&self) -> &'static str;
    /// Checks the component with a small real call, such as a write.
    async fn ping(&self) -> Backend<()>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursor_round_trips_through_text_and_other_text_is_refused() {
        let cursor = Cursor { at: 1_700_000_000_000, id: Uuid::from_u128(5) };
        assert_eq!(Cursor::parse(&cursor.to_string()), Some(cursor));
        for bad in ["", ".", "x", "-1.00000000000000000000000000000005", "1.5", "01.00000000000000000000000000000005"] {
            assert_eq!(Cursor::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn page_has_a_next_cursor_only_when_more_items_follow() {
        let key = |i: &i64| Cursor { at: *i, id: Uuid::nil() };
        assert_eq!(Page::cut(vec![1, 2, 3], 2, key).next.map(|c| c.at), Some(2));
        assert_eq!(Page::cut(vec![1, 2], 2, key).next, None);
    }
}
