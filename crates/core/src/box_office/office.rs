//! The ports and settings of the use cases.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use super::screening_cache::ScreeningCache;
use crate::{
    event::{Event, EventKind},
    ids::PersonId,
    ports::{Clock, Entropy, LiveChanges, LockStore, PaymentProvider, Stores},
};

/// Settings that the operator chooses.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How long a seat lock lasts.
    pub lock_ttl: SignedDuration,
    /// How long a payer has to complete a payment.
    pub payment_ttl: SignedDuration,
    /// How many seats one person may hold at once at one screening.
    pub seats_per_person: usize,
    /// Sales end this long before a screening starts.
    pub sales_close: SignedDuration,
    /// Minutes between the end of a film and the next screening in the hall.
    pub cleaning_minutes: u32,
    /// The cinema's time zone, in which days begin and end.
    pub time_zone: TimeZone,
    /// How long releases of seats stay in the audit log.
    pub keep_released: SignedDuration,
    /// How long refused attempts, sign-ins and sign-outs stay in the audit log.
    pub keep_refused: SignedDuration,
}

/// The ports and settings that every use case works with.
pub struct BoxOffice {
    /// The store and the event log.
    pub stores: Stores,
    /// Seat locks, seat maps, and releases.
    pub locks: Arc<dyn LockStore>,
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
