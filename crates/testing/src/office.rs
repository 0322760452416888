//! A [`BoxOffice`] over given adapters, for tests of the layers above the use cases.

use std::sync::Arc;

use jiff::{SignedDuration, tz::TimeZone};

use seatkeeper_core::{
    box_office::{BoxOffice, HoldLimits, ScreeningCache, Settings},
    ports::{Clock, Entropy, EventLog, LiveChanges, LockStore, PaymentProvider, Store, Stores},
};

/// A [`BoxOffice`] over one store, which is also the event log, and one lock store, which also publishes live changes.
/// A test that needs another adapter replaces the field.
#[must_use]
pub fn office_over<S: Store + EventLog, L: LockStore + LiveChanges + 'static>(
    store: &Arc<S>,
    locks: &Arc<L>,
    provider: Arc<dyn PaymentProvider>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
) -> BoxOffice {
    BoxOffice {
        stores: Stores::of(store),
        locks: Arc::clone(locks) as _,
        live: Arc::clone(locks) as _,
        provider,
        clock,
        entropy,
        settings: Settings {
            lock_ttl: SignedDuration::from_mins(5),
            payment_ttl: SignedDuration::from_mins(5),
            seats_per_person: 10,
            seats_per_person_everywhere: 20,
            holders_per_network: 200,
            let_go_max: 2,
            sales_close: SignedDuration::ZERO,
            cleaning_minutes: 15,
            time_zone: TimeZone::UTC,
            keep_released: SignedDuration::from_hours(30 * 24),
            keep_refused: SignedDuration::from_hours(90 * 24),
        },
        screenings: ScreeningCache::default(),
        hold_limits: HoldLimits::default(),
    }
}
