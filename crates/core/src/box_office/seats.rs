//! Locking and releasing seats, and loading seat maps.

use jiff::SignedDuration;

use super::BoxOffice;
use crate::{
    catalogue::OpenScreening,
    ids::{PaymentId, PersonId, ScreeningId, SeatId},
    locks::{ClaimedSeat, Hold, LoadReply, LockReply, Millis, PaymentLock, ReleaseReply, SeatList, SeatTruth},
    ports::{Backend, BackendError, LockSeats},
};

/// The most attempts of a call that meets a seat map that is not loaded or a stale payment lock.
pub(super) const LOCK_TRIES_MAX: usize = 4;
/// The most attempts to reload a seat map whose sequence moves meanwhile.
const MEND_TRIES_MAX: usize = 16;
/// A payment lock of this age without a payment in the store is ended: its server died before it wrote the payment.
const PAYMENT_LOCK_ALONE_MS_MAX: Millis = 10_000;

/// Existing seats of one screening, sorted and without duplicates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeatSelection {
    seats: SeatList,
    not_for_sale: SeatList,
}

impl SeatSelection {
    /// Parses the names of seats; duplicates count once.
    ///
    /// # Errors
    /// The names that are no seats of this screening.
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
    /// Sales have ended.
    SalesClosed,
    /// The person is paying and may not change seats.
    PaymentInProgress(PaymentLock),
    /// The hold would exceed the limit per person.
    TooManySeats,
    /// These seats are locked by another person, sold, or not for sale.
    SeatsTaken(SeatList),
}

/// Locks all of `wanted` or none.
///
/// # Errors
/// The lock store or the store failed.
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
    /// The remaining hold.
    Left(Hold),
    /// The person is paying and may not change seats.
    PaymentInProgress(PaymentLock),
}

/// Releases `seats`, or the whole hold when `None`; other people's seats are ignored.
///
/// # Errors
/// The lock store or the store failed.
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

/// A person's hold at a screening.
///
/// # Errors
/// The lock store failed.
pub async fn find_hold(office: &BoxOffice, person: PersonId, screening: ScreeningId) -> Backend<Hold> {
    let hold = office.locks.find_hold(screening, person).await?;
    let Some(payment) = hold.payment else { return Ok(hold) };
    // A payment lock may outlive its payment, and exists before the payment is written. Only a payment that the store has in
    // progress is returned, because the client opens its page.
    let stored = office.ledger.find_payment(payment).await?;
    let is_on = stored.is_some_and(|stored| stored.status.holds_claims() && !stored.is_overdue(office.now()));
    Ok(if is_on { hold } else { Hold { payment: None, ..hold } })
}

/// Loads a seat map from the ledger after the lock store reported it as not loaded at sequence `seq`. One attempt only: if
/// the sequence moved meanwhile, another caller has loaded the map, and the refused call is retried anyway. Retrying here
/// would let many concurrent callers invalidate each other's loads and read the ledger again and again.
///
/// # Errors
/// The lock store or the store failed.
pub async fn load_screening(office: &BoxOffice, screening: ScreeningId, seq: u64) -> Backend<()> {
    load_at(office, screening, seq).await.map(drop)
}

/// Reloads a seat map from the ledger, whether it is loaded or not.
///
/// # Errors
/// The lock store or the store failed, or the screening changes faster than it can be read.
pub async fn mend_screening(office: &BoxOffice, screening: ScreeningId) -> Backend<()> {
    let states = office.locks.list_states(&[screening]).await?;
    let mut seq = states.first().copied().flatten().map_or(0, |(seq, _)| seq);
    for _ in 0..MEND_TRIES_MAX {
        match load_at(office, screening, seq).await? {
            LoadReply::Loaded => return Ok(()),
            LoadReply::Moved { seq: now } => seq = now,
        }
    }
    Err(BackendError::retryable("locks", "the seat map is changing too fast"))
}

async fn load_at(office: &BoxOffice, screening: ScreeningId, seq: u64) -> Backend<LoadReply> {
    let truth = office.ledger.seat_truth(screening, office.now()).await?;
    let reply = office.locks.load(screening, seq, &truth).await?;
    if reply == LoadReply::Loaded {
        end_kept_too_long(office, screening, &truth).await?;
    }
    Ok(reply)
}

/// A payment that was CONFIRMING when the ledger was read may have ended since. If its payment lock was ended before this
/// load set it again, the sequence did not move, the load was not refused, and the stale lock must be ended here.
async fn end_kept_too_long(office: &BoxOffice, screening: ScreeningId, truth: &SeatTruth) -> Backend<()> {
    let mut confirming: Vec<&ClaimedSeat> = truth.claimed.iter().filter(|claim| claim.kept_from.is_some()).collect();
    confirming.sort_unstable_by_key(|claim| claim.payment);
    confirming.dedup_by_key(|claim| claim.payment);
    for claim in confirming {
        end_unless_claiming(office, screening, claim.holder, claim.payment).await?;
    }
    Ok(())
}

/// Ends the payment lock of a payment that no longer holds claims.
pub(super) async fn end_unless_claiming(
    office: &BoxOffice,
    screening: ScreeningId,
    person: PersonId,
    payment: PaymentId,
) -> Backend<()> {
    let stored = office.ledger.find_payment(payment).await?;
    if stored.is_some_and(|stored| !stored.status.holds_claims()) {
        office.locks.end_payment(screening, person, payment).await?;
    }
    Ok(())
}

/// Ends a payment lock whose payment has ended or was never written, according to the store. Returns whether it did.
pub(super) async fn end_if_over(
    office: &BoxOffice,
    screening: ScreeningId,
    person: PersonId,
    lock: PaymentLock,
) -> Backend<bool> {
    let now = office.now();
    let is_over = match office.ledger.find_payment(lock.payment).await? {
        Some(payment) if payment.is_overdue(now) => super::unfinished::expire_payment(office, &payment).await?,
        Some(payment) => !payment.status.holds_claims(),
        None => now.as_millisecond() - lock.since >= PAYMENT_LOCK_ALONE_MS_MAX,
    };
    if is_over {
        office.locks.end_payment(screening, person, lock.payment).await?;
    }
    Ok(is_over)
}

pub(super) fn millis(duration: SignedDuration) -> Millis {
    Millis::try_from(duration.as_millis()).unwrap_or(Millis::MAX)
}
