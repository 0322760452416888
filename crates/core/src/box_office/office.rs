//! The ports and settings of the use cases.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use super::screening_cache::ScreeningCache;
use crate::{
    event::{Event, EventKind},
    ids::PersonId,
    ports::{
        AuditLog, Clock, DeadLetters, Entropy, EventLog, Ledger, LiveChanges, MailQueue, Outbox, PaymentProvider,
        People, Posters, Programme, Reservations, Sales, SeatLocks, Sessions,
    },
};

/// Settings that the operator chooses.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How long after locking a lock expires.
    pub lock_ttl: SignedDuration,
    /// How long a payment may take.
    pub payment_ttl: SignedDuration,
    /// How many seats one person may hold at once at one screening.
    pub seats_per_person: usize,
    /// How long before the start sales end.
    pub sales_close: SignedDuration,
    /// Minutes between the end of a film and the next screening in the hall.
    pub cleaning_minutes: u32,
    /// The cinema's time zone, in which days begin and end.
    pub time_zone: TimeZone,
}

/// The ports and settings that every use case works with.
pub struct BoxOffice {
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
    /// Events waiting for the relay.
    pub outbox: Arc<dyn Outbox>,
    /// The event log.
    pub events: Arc<dyn EventLog>,
    /// Confirmation mails.
    pub mails: Arc<dyn MailQueue>,
    /// The audit log.
    pub audit: Arc<dyn AuditLog>,
    /// Events that a consumer could not handle.
    pub dead_letters: Arc<dyn DeadLetters>,
    /// Seat locks.
    pub locks: Arc<dyn SeatLocks>,
    /// Live changes of seats.
    pub live: Arc<dyn LiveChanges>,
    /// The payment provider.
    pub provider: Arc<dyn PaymentProvider>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The source of randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Settings that the operator chooses.
    pub settings: Settings,
    /// Cached screenings.
    pub screenings: ScreeningCache,
}

impl BoxOffice {
    /// The current time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A new event at the current time.
    #[must_use]
    pub fn event(&self, kind: EventKind) -> Event {
        Event::new(self.now(), &*self.entropy, kind)
    }

    /// A new audit event.
    #[must_use]
    pub fn audit_event(
        &self,
        action: &str,
        subject: Option<String>,
        actor: PersonId,
        request_id: Option<&str>,
    ) -> Event {
        let kind = EventKind::AuditLog { action: action.to_owned(), subject, details: serde_json::Value::Null };
        self.event(kind).by(Some(actor)).in_request(request_id)
    }
}
