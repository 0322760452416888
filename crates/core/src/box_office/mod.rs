//! What people can do: one function for each thing, over a plain struct of ports.
//!
//! Everything here may be called by several servers at once and stopped at any line; what must not be torn apart is one
//! call of the store.

mod best_effort;
mod comparing;
mod consuming;
mod late_money;
mod mail_pauses;
mod paying;
mod payment_frames;
mod programme;
mod reports;
mod screenings;
mod seats;
mod settling;
mod unfinished;
mod whats_on;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

pub use comparing::{compare_map, list_loaded_maps};
pub use consuming::{RELAY_EVENTS_MAX, end_lease, handle_events, relay_events, replay_dead_letter, tell_releases};
pub use late_money::provider_reported;
pub use mail_pauses::{MAIL_TRIES_FOR_MAX, next_mail_attempt};
pub use paying::{
    CancelOutcome, StartPaymentOutcome, cancel_payment, find_booking_of, find_payment_of, find_unfinished_payment,
    start_payment,
};
pub use programme::{
    ChangeOutcome, Editor, START_AHEAD_MAX, ScreeningDetails, check_prices, create_hall, create_movie,
    create_screening, delete_hall, delete_movie, delete_screening, update_hall, update_movie, update_screening,
};
pub use reports::{DailySales, REPORT_DAYS_MAX, day_span, list_daily_sales, list_movie_sales};
pub use screenings::{NamedScreening, SCREENINGS_CACHED_MAX, ScreeningCache, ScreeningCheck, ScreeningName};
pub use seats::{
    LockOutcome, ReleaseOutcome, SeatSelection, find_hold, load_screening, lock_seats, mend_screening, release_seats,
};
pub use settling::{ConfirmAnswer, confirm_payment, settle_payment};
pub use unfinished::{UNFINISHED_PAYMENTS_MAX, list_unfinished, resume_payment};
pub use whats_on::{MovieOnShow, list_movies_on_show, list_upcoming, movie_on_show};

use crate::{
    event::{Event, EventKind},
    ids::PersonId,
    ports::{
        AuditLog, Clock, DeadLetters, Entropy, EventLog, Ledger, LiveChanges, MailQueue, Outbox, PaymentProvider,
        People, Posters, Programme, Reservations, Sales, SeatLocks, Sessions,
    },
};

/// What the operator decides.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How long a lock lasts.
    pub lock_ttl: SignedDuration,
    /// How long a payment may take.
    pub payment_ttl: SignedDuration,
    /// How many seats one person may hold at once at one screening.
    pub seats_per_person: usize,
    /// How long before the start sales end.
    pub sales_close: SignedDuration,
    /// Minutes between the end of a film and the next screening in the hall.
    pub cleaning_minutes: u32,
    /// The cinema's zone: a day is a day there.
    pub time_zone: TimeZone,
}

/// The ports and settings that every use case works with.
pub struct BoxOffice {
    /// Films, halls, screenings.
    pub programme: Arc<dyn Programme>,
    /// Pictures of films.
    pub posters: Arc<dyn Posters>,
    /// Claims, payments, bookings.
    pub ledger: Arc<dyn Ledger>,
    /// Idempotency keys.
    pub reservations: Arc<dyn Reservations>,
    /// Bookings, read.
    pub sales: Arc<dyn Sales>,
    /// People.
    pub people: Arc<dyn People>,
    /// Their sessions.
    pub sessions: Arc<dyn Sessions>,
    /// Events waiting for the relay.
    pub outbox: Arc<dyn Outbox>,
    /// The event log.
    pub events: Arc<dyn EventLog>,
    /// Confirmation mails.
    pub mails: Arc<dyn MailQueue>,
    /// The history.
    pub audit: Arc<dyn AuditLog>,
    /// Events that could not be handled.
    pub dead_letters: Arc<dyn DeadLetters>,
    /// Seat locks.
    pub locks: Arc<dyn SeatLocks>,
    /// Live changes of seats.
    pub live: Arc<dyn LiveChanges>,
    /// Money.
    pub provider: Arc<dyn PaymentProvider>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// What the operator decides.
    pub settings: Settings,
    /// Screenings at hand.
    pub screenings: ScreeningCache,
}

impl BoxOffice {
    /// The moment it is.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A new event of now.
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
