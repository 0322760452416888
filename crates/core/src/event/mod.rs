//! Domain events, published to the event log in the order in which they happened to one booking or one seat.
//!
//! One tagged, versioned enum. A variant that has shipped never changes; a new meaning is a new variant.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use strum::{IntoStaticStr, VariantNames};
use uuid::Uuid;

use crate::{
    environment::Entropy,
    ids::{BookingId, EventId, PaymentId, PersonId, ScreeningId, SeatId},
    locks::{Release, ReleaseReason},
    money::Money,
};

/// The version of the JSON format of events.
pub const EVENT_VERSION: u32 = 1;

/// The namespace of event ids (UUID version 5) that derive from the cause of the event. A repeated event has the same
/// id, so it is deduplicated.
const CAUSE_NAMESPACE: Uuid = Uuid::from_u128(0x5ea7_4ee9_e12b_4c0a_9d3e_7a11_c0de_0001);

/// Why seats were released, as published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReleasedBecause {
    /// The person who held the seats released them.
    UserUnlocked,
    /// The locks expired.
    Expired,
}

/// What happened, with its data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr, VariantNames)]
#[serde(tag = "type", content = "data", rename_all = "SCREAMING_SNAKE_CASE")]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum EventKind {
    /// Seats were sold.
    BookingSuccess {
        /// The booking.
        booking_id: BookingId,
        /// The booking's code.
        code: String,
        /// The payment of the booking.
        payment_id: PaymentId,
        /// The sold seats, sorted.
        seat_ids: Vec<SeatId>,
        /// The total price.
        total: Money,
    },
    /// A payment expired.
    BookingTimeout {
        /// The payment.
        payment_id: PaymentId,
        /// The seats of the payment.
        seat_ids: Vec<SeatId>,
    },
    /// Locks ended without a sale.
    SeatReleased {
        /// The seats.
        seat_ids: Vec<SeatId>,
        /// Why the locks ended.
        reason: ReleasedBecause,
    },
    /// Money was refunded.
    PaymentRefunded {
        /// The payment.
        payment_id: PaymentId,
        /// The booking that the refund ended, if there was one.
        booking_id: Option<BookingId>,
        /// The refunded amount.
        amount: Money,
        /// Why, as a code: `seats_lost`, `sales_closed`, `provider_refunded`.
        reason: String,
    },
    /// An internal failure.
    SystemError {
        /// A short code, such as `internal`, `unavailable`, `recovered`, `unreadable_event` or `capture_failed`.
        code: String,
        /// Where it occurred: an HTTP method and route, or a component.
        place: String,
        /// How often the failure occurred since the last event about it.
        count: u64,
    },
    /// An action for the audit log: an administrator's change, a sign-in, a refused attempt.
    AuditLog {
        /// The action: `sign_in`, `sign_out`, `movie_created`, `admin_refused` …
        action: String,
        /// The object of the action: an id or a path.
        subject: Option<String>,
        /// Further details, without secrets.
        details: serde_json::Value,
    },
}

impl EventKind {
    /// The names of all types.
    pub const TYPES: &'static [&'static str] = <Self as VariantNames>::VARIANTS;

    /// The type's name.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        self.into()
    }
}

/// One event as published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Id of the event, the same on redelivery.
    pub id: EventId,
    /// The event's type and data.
    #[serde(flatten)]
    pub kind: EventKind,
    /// The version of the event's JSON format.
    pub version: u32,
    /// When it happened.
    #[serde(with = "crate::time_text")]
    pub at: Timestamp,
    /// The screening, if the event belongs to one.
    pub screening_id: Option<ScreeningId>,
    /// The person who caused it, if there is one.
    pub actor: Option<PersonId>,
    /// The request that caused it, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

impl Event {
    /// A new event at `now`, with a new id.
    #[must_use]
    pub fn new(now: Timestamp, entropy: &dyn Entropy, kind: EventKind) -> Self {
        let id = EventId::generate(now, entropy);
        // Truncated, because lists of events are sorted by millisecond and id: events with a finer time would seem out
        // of order.
        let at = Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now);
        Self { id, kind, version: EVENT_VERSION, at, screening_id: None, actor: None, request_id: None }
    }

    /// Sets the event's screening.
    #[must_use]
    pub fn at_screening(mut self, screening: ScreeningId) -> Self {
        self.screening_id = Some(screening);
        self
    }

    /// Sets the person who caused the event.
    #[must_use]
    pub fn by(mut self, actor: Option<PersonId>) -> Self {
        self.actor = actor;
        self
    }

    /// Sets the object of an audit event.
    #[must_use]
    pub fn about(mut self, object: &dyn std::fmt::Display) -> Self {
        if let EventKind::AuditLog { subject, .. } = &mut self.kind {
            *subject = Some(object.to_string());
        }
        self
    }

    /// Adds a member to the details of an audit event, if they are an object or null.
    #[must_use]
    pub fn with_detail(mut self, name: &str, value: Value) -> Self {
        if let EventKind::AuditLog { details, .. } = &mut self.kind {
            if details.is_null() {
                *details = Value::Object(serde_json::Map::new());
            }
            if let Value::Object(members) = details {
                members.insert(name.to_owned(), value);
            }
        }
        self
    }

    /// Sets the id of the HTTP request that caused the event.
    #[must_use]
    pub fn in_request(mut self, request_id: Option<&str>) -> Self {
        self.request_id = request_id.map(str::to_owned);
        self
    }

    /// Derives the event's id from `cause`, so that a repeated event has the same id.
    #[must_use]
    pub fn caused_by(mut self, cause: &str) -> Self {
        self.id = EventId::from_uuid(Uuid::new_v5(&CAUSE_NAMESPACE, cause.as_bytes()));
        self
    }

    /// The event for a release of seats. Its id derives from screening, first seat and sequence number, so that a
    /// repeated event has the same id.
    #[must_use]
    pub fn of_release(release: &Release) -> Self {
        let reason = match release.reason {
            ReleaseReason::UserUnlocked => ReleasedBecause::UserUnlocked,
            ReleaseReason::Expired => ReleasedBecause::Expired,
        };
        let first = release.seats.first().map(ToString::to_string).unwrap_or_default();
        let cause = format!("release/{}/{first}/{}", release.screening, release.seq);
        Self {
            id: EventId::from_uuid(Uuid::new_v5(&CAUSE_NAMESPACE, cause.as_bytes())),
            kind: EventKind::SeatReleased { seat_ids: release.seats.to_vec(), reason },
            version: EVENT_VERSION,
            at: Timestamp::from_millisecond(release.at).unwrap_or(Timestamp::UNIX_EPOCH),
            screening_id: Some(release.screening),
            actor: Some(release.holder),
            request_id: None,
        }
    }

    /// The event for a stored event that cannot be parsed and was moved to quarantine. Its id derives from `place`, the
    /// table and row (`outbox 17`), so that a repeated event has the same id.
    #[must_use]
    pub fn of_unreadable(place: &str, at: Timestamp) -> Self {
        let kind = EventKind::SystemError { code: "unreadable_event".to_owned(), place: place.to_owned(), count: 1 };
        let id = EventId::from_uuid(Uuid::nil());
        Self { id, kind, version: EVENT_VERSION, at, screening_id: None, actor: None, request_id: None }
            .caused_by(&format!("unreadable/{place}"))
    }

    /// The partition key, within which events are ordered: the screening, else the actor.
    #[must_use]
    pub fn key(&self) -> String {
        match (self.screening_id, self.actor) {
            (Some(screening), _) => screening.to_string(),
            (None, Some(actor)) => actor.to_string(),
            (None, None) => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn release_event_serialises_to_the_documented_json() {
        let release = Release {
            screening: ScreeningId::from_uuid(Uuid::from_u128(1)),
            seq: 1_700_000_000_000,
            holder: PersonId::from_uuid(Uuid::from_u128(2)),
            seats: [SeatId::parse("A1"), SeatId::parse("A2")].into_iter().flatten().collect(),
            reason: ReleaseReason::Expired,
            at: 1_700_000_000_000,
        };
        let event = Event::of_release(&release);
        assert_eq!(event, Event::of_release(&release), "a repeat is the same event");
        let json = serde_json::to_string_pretty(&event).unwrap();
        expect![[r#"
            {
              "id": "00000000-0000-0000-0000-000000000000",
              "type": "SEAT_RELEASED",
              "data": {
                "seat_ids": [
                  "A1",
                  "A2"
                ],
                "reason": "expired"
              },
              "version": 1,
              "at": "2023-11-14T22:13:20Z",
              "screening_id": "00000000-0000-0000-0000-000000000001",
              "actor": "00000000-0000-0000-0000-000000000002"
            }"#]]
        .assert_eq(&json.replace(&event.id.to_string(), "00000000-0000-0000-0000-000000000000"));
        assert_eq!(serde_json::from_str::<Event>(&json).unwrap(), event);
        assert!(EventKind::TYPES.contains(&event.kind.type_name()));
    }

    #[test]
    fn types_are_exactly_the_names_that_serde_reads() {
        let error = serde_json::from_str::<EventKind>(r#"{"type":"X","data":{}}"#).unwrap_err().to_string();
        let names = format!("expected one of `{}`", EventKind::TYPES.join("`, `"));
        assert!(error.contains(&format!("{names} at line")), "{error}");
    }
}
