//! The event log, for the relay, the consumers, and administrators.

use async_trait::async_trait;
use jiff::SignedDuration;
use strum::{AsRefStr, EnumString, IntoStaticStr, VariantArray};

use super::Backend;
use crate::event::Event;

/// How long the event log retains an event after it happened. An event that a consumer has not acknowledged stays
/// longer.
pub const LOGGED_AGE_MAX: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A consumer of the event log, with its own offset. Its name is that of its consumer group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, AsRefStr, EnumString, IntoStaticStr, VariantArray)]
pub enum Consumer {
    /// Stores a confirmation mail for each sale.
    #[strum(serialize = "seatkeeper-mail")]
    Mail,
    /// Copies events to the audit log.
    #[strum(serialize = "seatkeeper-audit")]
    Audit,
}

impl Consumer {
    /// All values.
    pub const ALL: &'static [Self] = <Self as VariantArray>::VARIANTS;
}

/// An event and its position in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedEvent {
    /// The event's position in the log; later events have greater positions.
    pub position: i64,
    /// The event.
    pub event: Event,
}

/// The log of all events, `booking_events`.
#[async_trait]
pub trait EventLog: Send + Sync {
    /// Appends events in order. Idempotent: an event whose id is in the log already is ignored.
    async fn publish(&self, events: &[Event]) -> Backend<()>;
    /// The events after the last one that the consumer acknowledged; empty when there are none.
    async fn list_next(&self, consumer: Consumer, limit: u32) -> Backend<Vec<LoggedEvent>>;
    /// Acknowledges all events up to this position. The consumer's offset never moves back.
    async fn acknowledge(&self, consumer: Consumer, position: i64) -> Backend<()>;
    /// A page for administrators: the events after a position, of one type if `type_name` is given.
    async fn list_events(&self, after: i64, type_name: Option<&str>, limit: u32) -> Backend<Vec<LoggedEvent>>;
    /// The number of events that the consumer has not acknowledged yet.
    async fn lag(&self, consumer: Consumer) -> Backend<u64>;
}
