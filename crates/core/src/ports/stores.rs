//! The ports that one store implements together.

use std::sync::Arc;

use super::{
    AuditLog, DeadLetters, EventLog, Health, Ledger, MailQueue, MockBook, Outbox, People, Posters, Programme,
    Reservations, Sales, Sessions, StoredTimes,
};

/// All ports that one store implements. The event log is not among them, because it may be a separate system.
pub trait Store:
    Programme
    + Posters
    + Ledger
    + Reservations
    + People
    + Sessions
    + Sales
    + Outbox
    + MailQueue
    + AuditLog
    + DeadLetters
    + MockBook
    + StoredTimes
    + Health
    + 'static
{
}

/// The store as the use cases see it: one port for each kind of data, and the event log. A test or an adapter can
/// replace a single port.
#[derive(Clone)]
pub struct Stores {
    /// Films, halls, screenings.
    pub programme: Arc<dyn Programme>,
    /// Posters of films.
    pub posters: Arc<dyn Posters>,
    /// Claims, payments, bookings.
    pub ledger: Arc<dyn Ledger>,
    /// Idempotency keys.
    pub reservations: Arc<dyn Reservations>,
    /// Queries over bookings.
    pub sales: Arc<dyn Sales>,
    /// Persons (user accounts).
    pub people: Arc<dyn People>,
    /// Sessions of persons.
    pub sessions: Arc<dyn Sessions>,
    /// Events that wait for the relay to publish them.
    pub outbox: Arc<dyn Outbox>,
    /// The event log.
    pub events: Arc<dyn EventLog>,
    /// Confirmation mails.
    pub mails: Arc<dyn MailQueue>,
    /// The audit log.
    pub audit: Arc<dyn AuditLog>,
    /// Events that a consumer could not handle.
    pub dead_letters: Arc<dyn DeadLetters>,
    /// Times that must be shortened after the clock was set back.
    pub times: Arc<dyn StoredTimes>,
}

impl Stores {
    /// The ports of a store that is also the event log.
    #[must_use]
    pub fn of(store: &Arc<impl Store + EventLog>) -> Self {
        Self {
            programme: Arc::clone(store) as _,
            posters: Arc::clone(store) as _,
            ledger: Arc::clone(store) as _,
            reservations: Arc::clone(store) as _,
            sales: Arc::clone(store) as _,
            people: Arc::clone(store) as _,
            sessions: Arc::clone(store) as _,
            outbox: Arc::clone(store) as _,
            events: Arc::clone(store) as _,
            mails: Arc::clone(store) as _,
            audit: Arc::clone(store) as _,
            dead_letters: Arc::clone(store) as _,
            times: Arc::clone(store) as _,
        }
    }
}
