//! What the rules need of the world. An adapter implements a port; a contract suite in [`crate::testing`] says what that
//! means. Two adapters of each ship: one that needs nothing installed, one for a cluster.
//!
//! Conventions: what a caller can cause is a value of the answer; [`BackendError`] is only for a part that failed. A
//! `find_` may be missing, a `list_` never is and always has a limit.

mod events;
mod ledger;
mod locks;
mod people;
mod programme;
mod provider;
mod sales;

use std::fmt;

use jiff::Timestamp;
use uuid::Uuid;

pub use events::{
    AuditEntry, AuditFilter, AuditLog, Consumer, DeadLetter, DeadLetters, EventLog, LOGGED_AGE_MAX, LoggedEvent, Mail,
    MailAttempt, MailQueue, MailStatus, NewMail, Outbox, SENT_MAIL_AGE_MAX,
};
pub use ledger::{
    CloseOutcome, ClosePayment, CommitBooking, CommitOutcome, ConfirmStart, IdempotencyKey, KeptAnswer, Ledger,
    NewPayment, Reservation, Reservations, ShownToPayer, StartOutcome,
};
pub use locks::{LiveChanges, LiveFeed, LockSeats, SeatLocks};
pub use people::{People, Sessions};
pub use programme::{Poster, Posters, Programme, ProgrammeChange, ProgrammeOutcome, ScreeningFilter};
pub use provider::{Charge, MockBook, PaymentProvider, ProviderAnswer, ProviderError};
pub use sales::{BookingFilter, CustomerBooking, MovieSales, Sales, SalesSlice, SalesTotals};

/// The time. The only clock that the rules know.
pub trait Clock: Send + Sync {
    /// The moment it is.
    fn now(&self) -> Timestamp;
}

/// Milliseconds since 1970, as stores keep times. What is finer is cut off, so that a stored time compares like the one that
/// was given.
#[must_use]
pub fn ms(time: Timestamp) -> i64 {
    time.as_millisecond()
}

/// The moment as a store will give it back.
#[must_use]
pub fn whole_ms(time: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(ms(time)).unwrap_or(time)
}

/// Randomness that nobody can guess.
pub trait Entropy: Send + Sync {
    /// Fills `bytes`.
    fn fill(&self, bytes: &mut [u8]);
}

/// A part that did not do its work: opaque to the rules, which only ask whether to try again.
#[derive(Debug, thiserror::Error)]
#[error("{part}: {source}")]
pub struct BackendError {
    /// Which part: `store`, `locks`, `events`.
    pub part: &'static str,
    /// Whether the same call may succeed later.
    pub retryable: bool,
    /// What it said; for logs, never for users.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

impl BackendError {
    /// A failure that trying again may mend: the part is away, slow, or busy.
    pub fn retryable(part: &'static str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { part, retryable: true, source: source.into() }
    }

    /// A failure that trying again will not mend: bad data, a bug.
    pub fn lasting(part: &'static str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { part, retryable: false, source: source.into() }
    }
}

/// An answer of a port.
pub type Backend<T> = Result<T, BackendError>;

/// The most items of one page.
pub const PAGE_ITEMS_MAX: u32 = 200;
/// The items of a page when nobody says.
pub const PAGE_ITEMS_DEFAULT: u32 = 50;

/// Where a page ended: the sort key of its last item. Opaque outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The item's time in milliseconds, or 0 where the order is by id alone.
    pub at: i64,
    /// The item's id.
    pub id: Uuid,
}

impl Cursor {
    /// Reads what [`fmt::Display`] wrote.
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

/// Which page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// After this item; the first page when `None`.
    pub after: Option<Cursor>,
    /// 1 to [`PAGE_ITEMS_MAX`].
    pub limit: u32,
}

impl PageRequest {
    /// The first page of the greatest length.
    pub const FIRST: Self = Self { after: None, limit: PAGE_ITEMS_MAX };
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// In the list's order.
    pub items: Vec<T>,
    /// Where the next page begins, if there is one.
    pub next: Option<Cursor>,
}

impl<T> Page<T> {
    /// Cuts `items`, read with a limit of one more than the page's, to a page.
    #[must_use]
    pub fn cut(mut items: Vec<T>, limit: u32, key: impl Fn(&T) -> Cursor) -> Self {
        let limit = limit as usize;
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(key);
        Self { items, next }
    }

    /// The same page of something else.
    #[must_use]
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(f).collect(), next: self.next }
    }
}

/// A part that can be asked whether it works.
#[async_trait::async_trait]
pub trait Health: Send + Sync {
    /// The part's name: `store`, `locks`, `events`.
    fn part(&self) -> &'static str;
    /// Does a small piece of real work.
    async fn ping(&self) -> Backend<()>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_its_text_and_nothing_else_is_one() {
        let cursor = Cursor { at: 1_700_000_000_000, id: Uuid::from_u128(5) };
        assert_eq!(Cursor::parse(&cursor.to_string()), Some(cursor));
        for bad in ["", ".", "x", "-1.00000000000000000000000000000005", "1.5", "01.00000000000000000000000000000005"] {
            assert_eq!(Cursor::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_page_says_whether_there_is_more() {
        let key = |i: &i64| Cursor { at: *i, id: Uuid::nil() };
        assert_eq!(Page::cut(vec![1, 2, 3], 2, key).next.map(|c| c.at), Some(2));
        assert_eq!(Page::cut(vec![1, 2], 2, key).next, None);
    }
}
