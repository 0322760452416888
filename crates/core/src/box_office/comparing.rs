//! The map against the store. Whoever sells or refunds tells the map at once, but tellers may die or overtake each other: this
//! mends what is left of that.

use jiff::{SignedDuration, Timestamp};

use super::{BoxOffice, seats::mend_screening};
use crate::{
    catalogue::DURATION_MIN_MAX,
    ids::ScreeningId,
    locks::{SeatSnapshot, SeatStatus, SeatTruth},
    ports::{Backend, Cursor, Page, PageRequest, ScreeningFilter},
};

/// A screening that started longer ago than this is over: no film is longer, and nobody looks at its cleaning.
const SHOWING_FOR_MAX: SignedDuration = SignedDuration::from_mins(DURATION_MIN_MAX as i64);

/// A page of the screenings that are not over, those of them that the lock store has loaded. Go through all pages.
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

/// Compares a screening's map with the store. Answers whether it differed and was loaded again.
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

/// The same seats are sold, and every claimed seat is locked. Locks without a claim are nobody's business here.
fn agrees(map: &SeatSnapshot, truth: &SeatTruth) -> bool {
    let mut sold = truth.sold.clone();
    sold.sort_unstable();
    let booked = map.seats.iter().filter(|seat| seat.status == SeatStatus::Booked).map(|seat| seat.id);
    let is_locked =
        |claim| map.seats.iter().any(|seat| seat.id == claim && matches!(seat.status, SeatStatus::Locked { .. }));
    booked.eq(sold) && truth.claimed.iter().all(|claim| is_locked(claim.id))
}
