//! Starting a payment: claims its seats in the store before the payer can pay.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::{
    BoxOffice, Buyer, ScreeningCheck,
    best_effort::best_effort,
    holds::{find_hold, note_hold},
    maps::{CLOCKS_APART_MAX, LOCK_TRIES_MAX, load_screening, mend_screening, millis},
    payment_end::{end_if_over, find_payment_of},
    payment_frames::publish_payment,
};
use crate::{
    catalogue::{OpenScreening, SharedScreening},
    event::Event,
    ids::{PaymentId, PersonId, ScreeningId, SeatId},
    locks::{Hold, Release, StartReply},
    money::Money,
    payment::{Payment, PaymentMethod, PricedSeat},
    ports::{Backend, BackendError, NewPayment, ShownToPayer, StartOutcome},
};

/// The most releases of a screening that are read to be written with a payment. Only after a long outage of the store
/// do more wait for the outbox.
const RELEASES_BEFORE_MAX: usize = 1_024;

/// The result of starting a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartPaymentOutcome {
    /// The payment is PENDING, with a claim on each seat.
    Started(Payment),
    /// The person holds no seats at the screening.
    NothingLocked,
    /// Another payment of the person is in progress.
    PaymentInProgress(PaymentId),
    /// According to the store, other people have claimed or bought these seats.
    SeatsTaken(Vec<SeatId>),
    /// Sales for the screening have ended.
    SalesClosed,
    /// The screening is cancelled.
    ScreeningCancelled,
    /// The screening has changed since the payer saw it. Carries the current screening.
    ScreeningChanged(SharedScreening),
    /// The total differs from the one that the payer saw.
    PriceChanged {
        /// The current total.
        total: Money,
        /// The seats at their current prices, sorted by seat.
        seats: Vec<PricedSeat>,
    },
    /// There is something to pay, and no method to pay by.
    MethodMissing,
    /// With the seats of the buyer's other payments in progress, these would be more than one person may hold.
    TooManySeatsEverywhere {
        /// The number of seats that those payments claim.
        held_elsewhere: usize,
    },
    /// The screening was deleted.
    NotFound,
}

/// Starts a payment for the seats that the buyer holds. The caller chooses `id`, so that a retry after a crash finds
/// the payment of the first attempt. `method` may be missing if the seats are free.
///
/// Order: compare the screening with `shown` → lock store (restart the expiry of the locks, set the payment lock) →
/// store (compare `shown` again, write payment and claims) → if the store refuses, end the payment lock. The first
/// comparison comes before the lock store, so that a refusal neither leaves a payment lock nor extends locks.
///
/// # Errors
/// A call to the lock store or to the store failed.
pub async fn start_payment(
    office: &BoxOffice,
    buyer: &Buyer,
    screening: &SharedScreening,
    id: PaymentId,
    method: Option<PaymentMethod>,
    shown: ShownToPayer,
) -> Backend<StartPaymentOutcome> {
    let person = buyer.person;
    if let Some(payment) = find_payment_of(office, person, id).await? {
        // An earlier run may have written the payment, lost the store's reply and ended the payment lock. Restore the
        // lock from the claims.
        let mended = mend_screening(office, payment.screening_id).await;
        best_effort(mended, "the consistency check reloads the map");
        return Ok(StartPaymentOutcome::Started(payment));
    }
    let screening_id = screening.screening.id;
    if shown != ShownToPayer::default() {
        // Refreshes a stale cached screening. Otherwise the lock store would extend the locks before the store refuses
        // the payment.
        office.follow_programme().await?;
    }
    let screening = match check_sale(office, Some(Arc::clone(screening)), shown).await? {
        Ok(screening) => screening,
        Err(refused) => return Ok(refused),
    };
    if let Some(refused) = find_other_total(office, person, &screening, shown).await? {
        return Ok(refused);
    }
    if method.is_none() && !screening.price_from().is_zero() {
        // No seat of the screening is free. At one with seats of both kinds the store finds out what these seats cost.
        return Ok(StartPaymentOutcome::MethodMissing);
    }
    let hold = match lock_for_payment(office, person, &screening, id).await? {
        Ok(hold) => hold,
        Err(refused) => return Ok(refused),
    };
    note_hold(office, person, screening_id, &hold);
    let expires_at = hold.expires_at().and_then(|until| Timestamp::from_millisecond(until).ok());
    let seats: Vec<SeatId> = hold.seats.iter().map(|seat| seat.id).collect();
    let new = NewPayment {
        events: releases_before(office, screening_id, &seats).await?,
        id,
        screening_id,
        person_id: person,
        method,
        seats,
        expires_at: possible_expiry(office.now(), office.settings.payment_ttl, expires_at),
        sales_close: office.settings.sales_close,
        seats_everywhere_max: (!buyer.is_staff).then_some(office.settings.seats_per_person_everywhere),
        shown,
    };
    let started = office.stores.ledger.start_payment(&new, office.now()).await;
    if !matches!(started, Ok(StartOutcome::Started(_))) {
        // A failed call of the store counts as not started. If the store wrote the payment nevertheless, that payment
        // expires.
        let ended = office.locks.end_payment(screening_id, person, id).await;
        if started.is_ok() {
            ended?;
        } else {
            best_effort(ended, "the next call that meets the payment lock ends it");
        }
    }
    Ok(match started? {
        StartOutcome::Started(payment) => {
            publish_payment(office, &payment).await;
            StartPaymentOutcome::Started(payment)
        }
        StartOutcome::AlreadyPaying(other) => StartPaymentOutcome::PaymentInProgress(other),
        StartOutcome::SalesClosed => StartPaymentOutcome::SalesClosed,
        StartOutcome::ScreeningCancelled => StartPaymentOutcome::ScreeningCancelled,
        StartOutcome::ScreeningChanged => {
            office.follow_programme().await?;
            let now = office.find_screening(screening_id).await?;
            now.map_or(StartPaymentOutcome::NotFound, StartPaymentOutcome::ScreeningChanged)
        }
        StartOutcome::PriceChanged { total, seats } => StartPaymentOutcome::PriceChanged { total, seats },
        StartOutcome::MethodMissing => StartPaymentOutcome::MethodMissing,
        StartOutcome::TooManySeatsEverywhere { held_elsewhere } => {
            StartPaymentOutcome::TooManySeatsEverywhere { held_elsewhere }
        }
        StartOutcome::NotFound => let_go_of_missing_seats(office, person, screening_id, &hold).await?,
        StartOutcome::SeatsTaken(seats) => seats_taken(office, screening_id, seats).await,
    })
}

/// The expiry of the locks, which is the payment's too. If the lock store's clock is far ahead of the store's, by which claims
/// end, the payment gets its whole time by the store's.
fn possible_expiry(now: Timestamp, payment_ttl: SignedDuration, locks_until: Option<Timestamp>) -> Timestamp {
    let latest = now.saturating_add(payment_ttl).unwrap_or(Timestamp::MAX);
    let is_possible = |until: &Timestamp| until.duration_since(latest) <= CLOCKS_APART_MAX;
    locks_until.map_or(now, |until| Some(until).filter(is_possible).unwrap_or(latest))
}

/// Checks that the screening is on sale and has not changed since the payer saw it.
async fn check_sale(
    office: &BoxOffice,
    screening: Option<SharedScreening>,
    shown: ShownToPayer,
) -> Backend<Result<SharedScreening, StartPaymentOutcome>> {
    let Some(screening) = screening else { return Ok(Err(StartPaymentOutcome::NotFound)) };
    Ok(match office.check_screening(screening, shown.revision).await? {
        ScreeningCheck::Current(open) if open.sales_closed(office.now()) => Err(StartPaymentOutcome::SalesClosed),
        ScreeningCheck::Current(open) => Ok(open),
        ScreeningCheck::Cancelled => Err(StartPaymentOutcome::ScreeningCancelled),
        ScreeningCheck::Changed(open) => Err(StartPaymentOutcome::ScreeningChanged(open)),
        ScreeningCheck::Gone => Err(StartPaymentOutcome::NotFound),
    })
}

/// Compares the total that the payer saw with the current prices, without writing. `None` if they agree, no total was
/// shown, or nothing is held; the writes that follow then check everything else. If they differ, no write follows, so
/// the refusals that take precedence over `PriceChanged` are checked here.
async fn find_other_total(
    office: &BoxOffice,
    person: PersonId,
    screening: &SharedScreening,
    shown: ShownToPayer,
) -> Backend<Option<StartPaymentOutcome>> {
    if shown.total.is_none() {
        return Ok(None);
    }
    let id = screening.screening.id;
    let hold = find_hold(office, person, id).await?;
    let agrees = |priced: &Option<(Money, Vec<PricedSeat>)>| {
        priced.as_ref().is_none_or(|(total, seats)| seats.is_empty() || !shown.differs_from(*total))
    };
    if agrees(&price_held(screening, &hold)) {
        return Ok(None);
    }
    // The cached prices may be older than those that the payer saw.
    office.follow_programme().await?;
    let screening = match check_sale(office, office.find_screening(id).await?, shown).await? {
        Ok(screening) => screening,
        Err(refused) => return Ok(Some(refused)),
    };
    let priced = price_held(&screening, &hold);
    let Some((total, seats)) = priced.filter(|priced| !agrees(&Some(priced.clone()))) else { return Ok(None) };
    if let Some(other) = hold.payment {
        return Ok(Some(StartPaymentOutcome::PaymentInProgress(other)));
    }
    let truth = office.stores.ledger.seat_truth(id, office.now()).await?;
    let is_held = |seat: &SeatId| seats.iter().any(|held| held.id == *seat);
    let claimed = || truth.claimed.iter().filter(|claim| is_held(&claim.id));
    if let Some(own) = claimed().find(|claim| claim.holder == person) {
        return Ok(Some(StartPaymentOutcome::PaymentInProgress(own.payment)));
    }
    let sold = truth.sold.iter().copied().filter(is_held);
    let mut taken: Vec<SeatId> = claimed().map(|claim| claim.id).chain(sold).collect();
    if taken.is_empty() {
        return Ok(Some(StartPaymentOutcome::PriceChanged { total, seats }));
    }
    taken.sort_unstable();
    Ok(Some(seats_taken(office, id, taken).await))
}

/// The total and the priced seats of a hold; `None` when a seat does not exist any more or the total overflows.
fn price_held(screening: &OpenScreening, hold: &Hold) -> Option<(Money, Vec<PricedSeat>)> {
    let priced = hold.seats.iter().map(|held| {
        let seat = screening.plan.find(held.id)?;
        Some(PricedSeat { id: seat.id, kind: seat.kind, price: screening.price_of(seat) })
    });
    let seats = priced.collect::<Option<Vec<_>>>()?;
    Some((Money::sum(seats.iter().map(|seat| seat.price))?, seats))
}

/// Refuses a payment because the store has claims or sales that the seat map lacks, and reloads the map.
async fn seats_taken(office: &BoxOffice, screening: ScreeningId, seats: Vec<SeatId>) -> StartPaymentOutcome {
    best_effort(mend_screening(office, screening).await, "the consistency check reloads the map");
    StartPaymentOutcome::SeatsTaken(seats)
}

/// Events for releases of these seats that are not in the outbox yet. The payment's transaction writes them before its
/// own events. If a worker copied them later, they would be published after those, in the wrong order.
async fn releases_before(office: &BoxOffice, screening: ScreeningId, seats: &[SeatId]) -> Backend<Vec<Event>> {
    let waiting = office.locks.list_releases(Some(screening), RELEASES_BEFORE_MAX).await?;
    let is_of_these = |release: &&Release| release.seats.iter().any(|seat| seats.contains(seat));
    Ok(waiting.iter().filter(is_of_these).map(Event::of_release).collect())
}

/// Refuses a payment because the screening was deleted, or moved to a hall without one of the seats, after they were
/// locked. Releases the missing seats, so that the person can pay for the others.
async fn let_go_of_missing_seats(
    office: &BoxOffice,
    person: PersonId,
    screening: ScreeningId,
    hold: &Hold,
) -> Backend<StartPaymentOutcome> {
    office.follow_programme().await?;
    let Some(now) = office.find_screening(screening).await? else { return Ok(StartPaymentOutcome::NotFound) };
    let is_missing = |seat: &SeatId| now.plan.find(*seat).is_none();
    let missing: Vec<SeatId> = hold.seats.iter().map(|seat| seat.id).filter(is_missing).collect();
    if missing.is_empty() {
        return Err(BackendError::retryable("store", "the screening is being changed"));
    }
    office.locks.release(screening, person, Some(&missing)).await?;
    Ok(StartPaymentOutcome::SeatsTaken(missing))
}

async fn lock_for_payment(
    office: &BoxOffice,
    person: PersonId,
    screening: &OpenScreening,
    id: PaymentId,
) -> Backend<Result<Hold, StartPaymentOutcome>> {
    let ttl_ms = millis(office.settings.payment_ttl);
    let screening_id = screening.screening.id;
    for _ in 0..LOCK_TRIES_MAX {
        match office.locks.start_payment(screening_id, person, id, ttl_ms).await? {
            StartReply::Started(hold) => return Ok(Ok(hold)),
            StartReply::NothingHeld => return Ok(Err(StartPaymentOutcome::NothingLocked)),
            StartReply::NotLoaded { seq } => load_screening(office, screening_id, seq).await?,
            StartReply::Paying(lock) => {
                if !end_if_over(office, screening_id, person, lock).await? {
                    return Ok(Err(StartPaymentOutcome::PaymentInProgress(lock.payment)));
                }
            }
        }
    }
    Err(BackendError::retryable("locks", "the seat map is changing too fast"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payment_expires_with_its_locks_unless_the_clock_of_the_lock_store_is_far_ahead() {
        let (now, ttl) = (Timestamp::UNIX_EPOCH, SignedDuration::from_mins(5));
        let expiry = |locks_after: SignedDuration| possible_expiry(now, ttl, Some(now + locks_after));
        for apart in [SignedDuration::from_millis(-4_000), SignedDuration::from_millis(1), CLOCKS_APART_MAX] {
            assert_eq!(expiry(ttl + apart), now + ttl + apart);
        }
        assert_eq!(expiry(ttl + SignedDuration::from_hours(1)), now + ttl);
        assert_eq!(possible_expiry(now, ttl, None), now);
    }
}
