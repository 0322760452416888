//! The ports and settings of the use cases.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use super::{
    hold_limits::{HoldLimits, HoldRules},
    screening_cache::ScreeningCache,
};
use crate::{
    event::{Event, EventKind},
    ids::PersonId,
    locks::{HoardingRules, Millis},
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
    /// How many seats one person may hold at once at all screenings together. Staff is exempt.
    pub seats_per_person_everywhere: usize,
    /// How many people of one network may hold seats at once. Staff is exempt.
    pub holders_per_network: usize,
    /// A seat that a person has let go this often, without leaving it alone for one lock time, is refused to them for one lock time. Staff is
    /// exempt.
    pub let_go_max: u32,
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

impl Settings {
    /// The limits against hoarding.
    #[must_use]
    pub fn hold_rules(&self) -> HoldRules {
        let ms = |time: SignedDuration| Millis::try_from(time.as_millis()).unwrap_or(Millis::MAX);
        HoldRules {
            seats_per_person: self.seats_per_person,
            holders_per_network: self.holders_per_network,
            hoarding: HoardingRules {
                seats_everywhere_max: self.seats_per_person_everywhere,
                let_go_max: self.let_go_max,
                lock_ms: ms(self.lock_ttl),
                payment_ms: ms(self.payment_ttl),
            },
        }
    }
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
    /// What this server counts for the limits against hoarding.
    pub hold_limits: HoldLimits,
}

impl BoxOffice {
    /// The current time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The current time, in milliseconds since 1970.
    pub(super) fn now_ms(&self) -> Millis {
        self.now().as_millisecond()
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
