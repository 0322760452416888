//! Periodic consistency check. Updates of the seat map after a sale or refund are best effort and may be lost or reordered, so
//! each map is compared with the ledger and reloaded when they differ.

use jiff::{SignedDuration, Timestamp};

use super::{BoxOffice, seats::mend_screening};
use crate::{
    catalogue::DURATION_MIN_MAX,
    ids::{ScreeningId, SeatId},
    locks::{SeatSnapshot, SeatStatus, SeatTruth},
    ports::{Backend, Cursor, Page, PageRequest, ScreeningFilter},
};

/// A screening that started longer ago than this is over, because no film is longer.
const SHOWING_FOR_MAX: SignedDuration = SignedDuration::from_mins(DURATION_MIN_MAX as i64);

/// Lists screenings that are not over and whose seat map is loaded. A page may be empty although another one follows.
///
/// # Errors
/// The lock store or the store failed.
pub async fn list_loaded_maps(office: &BoxOffice, after: Option<Cursor>) -> Backend<Page<ScreeningId>> {
    let from = office.now().saturating_sub(SHOWING_FOR_MAX).unwrap_or(Timestamp::MIN);
    let filter = ScreeningFilter { from: Some(from), ..ScreeningFilter::default() };
    let page = office.programme.list_screening_ids(&filter, PageRequest { after, ..PageRequest::FIRST }).await?;
    let states = office.locks.list_states(&page.items).await?;
    let loaded = page.items.into_iter().zip(states).filter_map(|(id, state)| state.map(|_| id));
    Ok(Page { items: loaded.collect(), next: page.next })
}

/// Compares a screening's seat map with the ledger. Returns whether they differed and the map was reloaded.
///
/// # Errors
/// The lock store or the store failed, or the screening changes faster than it can be read.
pub async fn compare_map(office: &BoxOffice, screening: ScreeningId) -> Backend<bool> {
    let Ok(map) = office.locks.snapshot(screening).await? else { return Ok(false) };
    let truth = office.ledger.seat_truth(screening, office.now()).await?;
    if agrees(&map, &truth) {
        return Ok(false);
    }
    mend_screening(office, screening).await?;
    Ok(true)
}

/// Whether the same seats are sold and withdrawn, and every claimed seat is locked. Locks without a claim are not compared,
/// because only the lock store has them.
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
