//! The use cases: one function each, over a plain struct of ports.
//!
//! Files import only from files before them: `maps`, `payment_end`, `holds`, `payment_start`, `settling`, then `reconciling`
//! and `late_money`.
//!
//! Several servers may run any of them at once, and a server may die at any line. Only a single call of the store is atomic.

mod best_effort;
mod consuming;
mod dead_letters;
mod holds;
mod late_money;
mod maps;
mod pauses;
mod payment_end;
mod payment_frames;
mod payment_start;
mod programme;
mod reconciling;
mod relay;
mod reports;
mod screenings;
mod settling;
mod whats_on;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

pub use consuming::handle_events;
pub use dead_letters::replay_dead_letter;
pub use holds::{LockOutcome, ReleaseOutcome, SeatSelection, find_hold, lock_seats, release_seats};
pub use late_money::provider_reported;
pub use maps::{compare_map, list_loaded_maps, load_screening, mend_screening};
pub use pauses::{MAIL_TRIES_FOR_MAX, OUTCOME_POLLED_EVERY, OUTCOME_WITHIN, next_mail_attempt};
pub use payment_end::{CancelOutcome, cancel_payment, find_payment_of, find_unfinished_payment};
pub use payment_start::{StartPaymentOutcome, start_payment};
pub use programme::{
    ChangeOutcome, Editor, START_AHEAD_MAX, ScreeningDetails, check_prices, create_hall, create_movie,
    create_screening, delete_hall, delete_movie, delete_screening, update_hall, update_movie, update_screening,
};
pub use reconciling::{UNFINISHED_PAYMENTS_MAX, list_unfinished, resume_payment};
pub use relay::{RELAY_EVENTS_MAX, end_lease, relay_events, tell_releases};
pub use reports::{DailySales, REPORT_DAYS_MAX, day_span, find_booking_of, list_daily_sales, list_movie_sales};
pub use screenings::{NamedScreening, SCREENINGS_CACHED_MAX, ScreeningCache, ScreeningCheck, ScreeningName};
pub use settling::{ConfirmAnswer, confirm_payment, settle_payment};
pub use whats_on::{MovieOnShow, list_movies_on_show, list_upcoming, movie_on_show};

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
