//! The event log, for the relay, the consumers, and administrators.

use async_trait::async_trait;
use jiff::SignedDuration;

use super::Backend;
use crate::event::Event;

/// How long an event stays in the log after it happened, for other readers. Events that a consumer has not acknowledged stay.
pub const LOGGED_AGE_MAX: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A reader of the event log, with an offset of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Consumer {
    /// Files confirmation mails.
    Mail,
    /// Writes the audit log.
    Audit,
}

impl Consumer {
    /// All values.
    pub const ALL: [Self; 2] = [Self::Mail, Self::Audit];

    /// The name of its consumer group.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mail => "seatkeeper-mail",
            Self::Audit => "seatkeeper-audit",
        }
    }
}

/// An event and its position in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedEvent {
    /// Its position; later events have greater ones.
    pub position: i64,
    /// The event.
    pub event: Event,
}

/// The log of all events, `booking_events`.
#[async_trait]
pub trait EventLog: Send + Sync {
    /// Appends events in order. Idempotent: an event that exists already is ignored.
    async fn publish(&self, events: &[Event]) -> Backend<()>;
    /// The next events for a consumer, after the last acknowledged; empty when there are none.
    async fn list_next(&self, consumer: Consumer, limit: u32) -> Backend<Vec<LoggedEvent>>;
    /// Acknowledges all events up to this position. The consumer's offset never moves back.
    async fn acknowledge(&self, consumer: Consumer, position: i64) -> Backend<()>;
    /// A page for administrators: events after a position, of one type if given.
    async fn list_events(&self, after: i64, type_name: Option<&str>, limit: u32) -> Backend<Vec<LoggedEvent>>;
    /// How far the consumer is behind, in events.
    async fn lag(&self, consumer: Consumer) -> Backend<u64>;
}
