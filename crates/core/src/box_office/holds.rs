//! Locking and releasing seats.

use super::{
    BoxOffice, Buyer,
    best_effort::best_effort,
    hold_limits::{LockPass, NetworkFull},
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
    /// The person would hold more seats at this screening than the limit per person allows.
    TooManySeats,
    /// The person would hold more seats at all screenings together than the limit allows.
    TooManySeatsEverywhere {
        /// The number of seats that the person holds at other screenings.
        held_elsewhere: usize,
    },
    /// The person has let these seats go too often, or very many seats, and has not left them alone for one lock time.
    LetGoTooOften(SeatList),
    /// Too many people of the buyer's network hold seats.
    TooManyHolders(NetworkFull),
    /// These seats are locked by another person, sold, or not for sale.
    SeatsTaken(SeatList),
}

/// Locks all seats of `wanted` for the buyer, or none.
///
/// The limits against hoarding cost a successful call no call of their own: this server counts, and passes the limits to the
/// lock store as a smaller limit of seats and as seats that are not for sale. Only before a refusal for the seats at other
/// screenings are those holds read again. So the refusals keep their order: `TooManyHolders`,
/// `SalesClosed`, `PaymentInProgress`, `TooManySeats`, `TooManySeatsEverywhere`, `LetGoTooOften`, `SeatsTaken`.
///
/// # Errors
/// A call to the lock store or to the store failed.
pub async fn lock_seats(
    office: &BoxOffice,
    buyer: &Buyer,
    screening: &OpenScreening,
    wanted: &SeatSelection,
) -> Backend<LockOutcome> {
    let outcome = try_lock_seats(office, buyer, screening, wanted).await?;
    if !matches!(outcome, LockOutcome::TooManySeatsEverywhere { held_elsewhere: 1.. }) {
        return Ok(outcome);
    }
    // Seats that the person has released or bought through other servers are counted here until their locks would have
    // expired. So nobody is refused before the counted holds were read again.
    match note_elsewhere(office, buyer.person, screening.screening.id).await {
        Ok(()) => try_lock_seats(office, buyer, screening, wanted).await,
        Err(error) => {
            best_effort::<()>(Err(error), "the holds at other screenings count as noted");
            Ok(outcome)
        }
    }
}

/// Counts a hold that a reply of the lock store has shown for the limits against hoarding.
pub(super) fn note_hold(office: &BoxOffice, person: PersonId, screening: ScreeningId, hold: &Hold) {
    office.hold_limits.note(&office.settings.hold_rules(), person, screening, hold, office.now_ms());
}

/// Reads the person's holds at all other screenings that this server counts.
async fn note_elsewhere(office: &BoxOffice, person: PersonId, here: ScreeningId) -> Backend<()> {
    for at in office.hold_limits.list_elsewhere(person, here) {
        let hold = office.locks.find_hold(at, person).await?;
        note_hold(office, person, at, &hold);
    }
    Ok(())
}

async fn try_lock_seats(
    office: &BoxOffice,
    buyer: &Buyer,
    screening: &OpenScreening,
    wanted: &SeatSelection,
) -> Backend<LockOutcome> {
    let id = screening.screening.id;
    let pass = match office.hold_limits.begin(&office.settings.hold_rules(), buyer, id, &wanted.seats, office.now_ms())
    {
        Ok(pass) => pass,
        Err(full) => return Ok(LockOutcome::TooManyHolders(full)),
    };
    if screening.sales_closed(office.now()) {
        pass.refused(office.now_ms());
        return Ok(LockOutcome::SalesClosed);
    }
    let mut not_for_sale = wanted.not_for_sale.clone();
    not_for_sale.extend_from_slice(pass.let_go_too_often());
    let call = LockSeats {
        screening: id,
        holder: buyer.person,
        seats: &wanted.seats,
        not_for_sale: &not_for_sale,
        ttl_ms: millis(office.settings.lock_ttl),
        seats_max: pass.seats_max(),
    };
    let nothing_was_locked = |pass: LockPass<'_>, error: BackendError| {
        pass.refused(office.now_ms());
        Err(error)
    };
    for _ in 0..LOCK_TRIES_MAX {
        let reply = match office.locks.lock(&call).await {
            Ok(reply) => reply,
            Err(error) if error.did_nothing() => return nothing_was_locked(pass, error),
            Err(error) => return Err(error),
        };
        let refused = match reply {
            LockReply::Held(hold) => {
                pass.held(&hold, office.now_ms());
                return Ok(LockOutcome::Held(hold));
            }
            LockReply::TooMany => match pass.too_many_elsewhere(office.settings.seats_per_person) {
                Some(held_elsewhere) => LockOutcome::TooManySeatsEverywhere { held_elsewhere },
                None => LockOutcome::TooManySeats,
            },
            LockReply::Taken(seats) => match pass.let_go_too_often() {
                [] => LockOutcome::SeatsTaken(seats),
                too_often => LockOutcome::LetGoTooOften(too_often.into()),
            },
            LockReply::NotLoaded { seq } => match load_screening(office, id, seq).await {
                Ok(()) => continue,
                Err(error) => return nothing_was_locked(pass, error),
            },
            LockReply::Paying(lock) => match end_if_over(office, id, buyer.person, lock).await {
                Ok(true) => continue,
                Ok(false) => LockOutcome::PaymentInProgress(lock),
                Err(error) => return nothing_was_locked(pass, error),
            },
        };
        pass.refused(office.now_ms());
        return Ok(refused);
    }
    nothing_was_locked(pass, BackendError::retryable("locks", "the seat map is changing too fast"))
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
            ReleaseReply::Left(hold) => {
                note_hold(office, person, screening, &hold);
                return Ok(ReleaseOutcome::Left(hold));
            }
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
    note_hold(office, person, screening, &hold);
    let Some(payment) = hold.payment else { return Ok(hold) };
    // A payment lock is set before its payment is written, and may outlive it. The client opens the page of the
    // returned payment, so only a payment that the store has in progress is returned.
    let stored = office.stores.ledger.find_payment(payment).await?;
    let is_on = stored.is_some_and(|stored| stored.status.holds_claims() && !stored.is_overdue(office.now()));
    Ok(if is_on { hold } else { Hold { payment: None, ..hold } })
}
