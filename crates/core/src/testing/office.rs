//! A box office over given adapters, for tests of the layers above it.

use std::sync::Arc;

use jiff::{SignedDuration, tz::TimeZone};

use super::Store;
use crate::{
    box_office::{BoxOffice, ScreeningCache, Settings},
    ports::{Clock, Entropy, EventLog, LiveChanges, PaymentProvider, SeatLocks},
};

/// A box office over one store, which is also the event log, and one lock store, which also publishes live changes. A test
/// that needs another adapter replaces the field.
#[must_use]
pub fn office_over<S: Store + EventLog, L: SeatLocks + LiveChanges + 'static>(
    store: &Arc<S>,
    locks: &Arc<L>,
    provider: Arc<dyn PaymentProvider>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
) -> BoxOffice {
    BoxOffice {
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
        locks: Arc::clone(locks) as _,
        live: Arc::clone(locks) as _,
        provider,
        clock,
        entropy,
        settings: Settings {
            lock_ttl: SignedDuration::from_mins(5),
            payment_ttl: SignedDuration::from_mins(5),
            seats_per_person: 10,
            sales_close: SignedDuration::ZERO,
            cleaning_minutes: 15,
            time_zone: TimeZone::UTC,
        },
        screenings: ScreeningCache::default(),
    }
}
