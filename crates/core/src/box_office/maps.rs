//! Seat maps in the lock store: loading them from the ledger, and a periodic consistency check. Updates of a seat map
//! after a sale or refund are best effort and may be lost or reordered, so each map is compared with the ledger and
//! reloaded when they differ.

use jiff::{SignedDuration, Timestamp};

use super::BoxOffice;
use crate::{
    hall_slots::DURATION_MIN_MAX,
    ids::{PaymentId, PersonId, ScreeningId, SeatId},
    locks::{ClaimedSeat, LoadReply, LongestTimes, Millis, SeatSnapshot, SeatStatus, SeatTruth},
    ports::{Backend, BackendError, Cursor, Page, PageRequest, ScreeningFilter},
};

/// By how much the clocks of the lock store and the store differ at most, unless one of them was set.
pub(super) const CLOCKS_APART_MAX: SignedDuration = SignedDuration::from_secs(5);

/// The most attempts of a lock-store call that is refused because the seat map is not loaded or a payment lock is
/// stale.
pub(super) const LOCK_TRIES_MAX: usize = 4;

/// The most attempts to reload a seat map whose sequence number changes during the load.
const MEND_TRIES_MAX: usize = 16;

/// A screening that started longer ago than this is over: it is the length of the longest allowed film.
const SHOWING_FOR_MAX: SignedDuration = SignedDuration::from_mins(DURATION_MIN_MAX as i64);

/// Lists screenings that are not over and whose seat map is loaded. Maps are filtered after paging, so a page may be
/// empty although another one follows.
///
/// # Errors
/// A call to the lock store or to the store failed.
pub async fn list_loaded_maps(office: &BoxOffice, after: Option<Cursor>) -> Backend<Page<ScreeningId>> {
    let from = office.now().saturating_sub(SHOWING_FOR_MAX).unwrap_or(Timestamp::MIN);
    let filter = ScreeningFilter { from: Some(from), ..ScreeningFilter::default() };
    let page = office.stores.programme.list_screening_ids(&filter, PageRequest { after, ..PageRequest::FIRST }).await?;
    let states = office.locks.list_states(&page.items).await?;
    let loaded = page.items.into_iter().zip(states).filter_map(|(id, state)| state.map(|_| id));
    Ok(Page { items: loaded.collect(), next: page.next })
}

/// Compares a screening's seat map with the ledger. Returns whether they differed and the map was reloaded.
///
/// # Errors
/// A call to the lock store or to the store failed, or the seat map changed during each attempt to reload it.
pub async fn compare_map(office: &BoxOffice, screening: ScreeningId) -> Backend<bool> {
    let Ok(map) = office.locks.snapshot(screening).await? else { return Ok(false) };
    let truth = office.stores.ledger.seat_truth(screening, office.now()).await?;
    if agrees(&map, &truth) {
        return Ok(false);
    }
    mend_screening(office, screening).await?;
    Ok(true)
}

/// Whether seat map and ledger have the same sold and withdrawn seats, and every claimed seat is locked. Locks without
/// a claim are not compared, because only the lock store has them.
fn agrees(map: &SeatSnapshot, truth: &SeatTruth) -> bool {
    let seats_of = |status| map.seats.iter().filter(move |seat| seat.status == status).map(|seat| seat.id);
    let mut sold = truth.sold.clone();
    sold.sort_unstable();
    let mut withdrawn: Vec<SeatId> = truth.withdrawn.clone();
    withdrawn.sort_unstable();
    withdrawn.retain(|seat| sold.binary_search(seat).is_err());
    let is_locked =
        |claim| map.seats.iter().any(|seat| seat.id == claim && matches!(seat.status, SeatStatus::Locked { .. }));
    seats_of(SeatStatus::Booked).eq(sold)
        && seats_of(SeatStatus::Unavailable).eq(withdrawn)
        && truth.claimed.iter().all(|claim| is_locked(claim.id))
}

/// Loads a seat map from the ledger after the lock store reported it as not loaded, with sequence number `seq`. Makes
/// one attempt: if the number has changed, another caller has loaded the map, and the refused call is retried anyway.
/// Retrying here would let many concurrent callers invalidate each other's loads and read the ledger again and again.
///
/// # Errors
/// A call to the lock store or to the store failed.
pub async fn load_screening(office: &BoxOffice, screening: ScreeningId, seq: u64) -> Backend<()> {
    load_at(office, screening, seq).await.map(drop)
}

/// Reloads a seat map from the ledger, whether it is loaded or not.
///
/// # Errors
/// A call to the lock store or to the store failed, or the seat map changed during each attempt to reload it.
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
    let mut truth = office.stores.ledger.seat_truth(screening, office.now()).await?;
    limit_claims(office, &mut truth);
    let reply = office.locks.load(screening, seq, &truth).await?;
    if reply == LoadReply::Loaded {
        end_kept_too_long(office, screening, &truth).await?;
    }
    Ok(reply)
}

/// Shortens claims that last longer than any payment. The store has them after its clock was set back, until its times are
/// shortened too.
fn limit_claims(office: &BoxOffice, truth: &mut SeatTruth) {
    let longest = LongestTimes::of(office.settings.lock_ttl, office.settings.payment_ttl);
    let latest = office.now_ms().saturating_add(longest.payment_ms);
    let limit = |until: Millis| if until - latest > millis(CLOCKS_APART_MAX) { latest } else { until };
    for claim in &mut truth.claimed {
        claim.until = limit(claim.until);
        claim.extended_from = claim.extended_from.map(limit);
    }
}

/// Handles a race between a load and the end of a payment. A payment that was CONFIRMING when the ledger was read may
/// have ended before its claim was loaded. The load then sets a stale payment lock, which is ended here.
async fn end_kept_too_long(office: &BoxOffice, screening: ScreeningId, truth: &SeatTruth) -> Backend<()> {
    let mut confirming: Vec<&ClaimedSeat> =
        truth.claimed.iter().filter(|claim| claim.extended_from.is_some()).collect();
    confirming.sort_unstable_by_key(|claim| claim.payment);
    confirming.dedup_by_key(|claim| claim.payment);
    for claim in confirming {
        end_unless_claiming(office, screening, claim.holder, claim.payment).await?;
    }
    Ok(())
}

/// Ends the payment lock of a payment that has no claims any more.
pub(super) async fn end_unless_claiming(
    office: &BoxOffice,
    screening: ScreeningId,
    person: PersonId,
    payment: PaymentId,
) -> Backend<()> {
    let stored = office.stores.ledger.find_payment(payment).await?;
    if stored.is_some_and(|stored| !stored.status.holds_claims()) {
        office.locks.end_payment(screening, person, payment).await?;
    }
    Ok(())
}

pub(super) fn millis(duration: SignedDuration) -> Millis {
    Millis::try_from(duration.as_millis()).unwrap_or(Millis::MAX)
}
