//! Locking and releasing seats.

use super::{
    BoxOffice,
    maps::{LOCK_TRIES_MAX, load_screening, millis},
    payment_end::end_if_over,
};
use crate::{
    catalogue::OpenScreening,
    ids::{PersonId, ScreeningId, SeatId},
    locks::{Hold, LockReply, PaymentLock, ReleaseReply, SeatList},
    ports::{Backend, BackendError, LockSeats},
};

/// Existing seats of one screening, sorted and without duplicates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeatSelection {
    seats: SeatList,
    not_for_sale: SeatList,
}

impl SeatSelection {
    /// Parses the names of seats; duplicates are dropped.
    ///
    /// # Errors
    /// The names that are not seats of this screening.
    pub fn parse(screening: &OpenScreening, names: &[String]) -> Result<Self, Vec<String>> {
        let mut seats = SeatList::new();
        let mut not_for_sale = SeatList::new();
        let mut unknown = Vec::new();
        for name in names {
            match SeatId::parse(name).and_then(|id| screening.plan.find(id)) {
                Some(seat) => {
                    seats.push(seat.id);
                    if !seat.kind.is_for_sale() {
                        not_for_sale.push(seat.id);
                    }
                }
                None => unknown.push(name.clone()),
            }
        }
        seats.sort_unstable();
        seats.dedup();
        if unknown.is_empty() { Ok(Self { seats, not_for_sale }) } else { Err(unknown) }
    }

    /// The seats.
    #[must_use]
    pub fn seats(&self) -> &[SeatId] {
        &self.seats
    }
}

/// The result of locking seats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LockOutcome {
    /// All requested seats are held.
    Held(Hold),
    /// Sales for the screening have ended.
    SalesClosed,
    /// The person has a payment in progress, during which the hold cannot change.
    PaymentInProgress(PaymentLock),
    /// The person would hold more seats than the limit per person allows.
    TooManySeats,
    /// These seats are locked by another person, sold, or not for sale.
    SeatsTaken(SeatList),
}

/// Locks all seats of `wanted` for the person, or none.
///
/// # Errors
/// A call to the lock store or to the store failed.
pub async fn lock_seats(
    office: &BoxOffice,
    person: PersonId,
    screening: &OpenScreening,
    wanted: &SeatSelection,
) -> Backend<LockOutcome> {
    if screening.sales_closed(office.now()) {
        return Ok(LockOutcome::SalesClosed);
    }
    let id = screening.screening.id;
    let call = LockSeats {
        screening: id,
        holder: person,
        seats: &wanted.seats,
        not_for_sale: &wanted.not_for_sale,
        ttl_ms: millis(office.settings.lock_ttl),
        seats_max: office.settings.seats_per_person,
    };
    for _ in 0..LOCK_TRIES_MAX {
        match office.locks.lock(&call).await? {
            LockReply::Held(hold) => return Ok(LockOutcome::Held(hold)),
            LockReply::TooMany => return Ok(LockOutcome::TooManySeats),
            LockReply::Taken(seats) => return Ok(LockOutcome::SeatsTaken(seats)),
            LockReply::NotLoaded { seq } => load_screening(office, id, seq).await?,
            LockReply::Paying(lock) => {
                if !end_if_over(office, id, person, lock).await? {
                    return Ok(LockOutcome::PaymentInProgress(lock));
                }
            }
        }
    }
    Err(BackendError::retryable("locks", "the seat map is changing too fast"))
}

/// The result of releasing seats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReleaseOutcome {
    /// The seats that the person still holds.
    Left(Hold),
    /// The person has a payment in progress, during which the hold cannot change.
    PaymentInProgress(PaymentLock),
}

/// Releases `seats` of the person, or the whole hold when `None`. Seats of other people are ignored.
///
/// # Errors
/// A call to the lock store or to the store failed.
pub async fn release_seats(
    office: &BoxOffice,
    person: PersonId,
    screening: ScreeningId,
    seats: Option<&[SeatId]>,
) -> Backend<ReleaseOutcome> {
    for _ in 0..LOCK_TRIES_MAX {
        match office.locks.release(screening, person, seats).await? {
            ReleaseReply::Left(hold) => return Ok(ReleaseOutcome::Left(hold)),
            ReleaseReply::Paying(lock) => {
                if !end_if_over(office, screening, person, lock).await? {
                    return Ok(ReleaseOutcome::PaymentInProgress(lock));
                }
            }
        }
    }
    Err(BackendError::retryable("locks", "the seat map is changing too fast"))
}

/// The seats that a person holds at a screening, and their payment in progress.
///
/// # Errors
/// A call to the lock store or to the store failed.
pub async fn find_hold(office: &BoxOffice, person: PersonId, screening: ScreeningId) -> Backend<Hold> {
    let hold = office.locks.find_hold(screening, person).await?;
    let Some(payment) = hold.payment else { return Ok(hold) };
    // A payment lock is set before its payment is written, and may outlive it. The client opens the page of the
    // returned payment, so only a payment that the store has in progress is returned.
    let stored = office.stores.ledger.find_payment(payment).await?;
    let is_on = stored.is_some_and(|stored| stored.status.holds_claims() && !stored.is_overdue(office.now()));
    Ok(if is_on { hold } else { Hold { payment: None, ..hold } })
}
