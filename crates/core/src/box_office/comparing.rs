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

/// Compares a page of the screenings that are not over with the store, those of them that the lock store has loaded, and loads
/// again where they differ. Answers which were mended. Go through all pages.
///
/// # Errors
/// The lock store or the store failed; the others of the page were compared all the same.
pub async fn compare_maps(office: &BoxOffice, after: Option<Cursor>) -> Backend<Page<ScreeningId>> {
    let from = office.now().saturating_sub(SHOWING_FOR_MAX).unwrap_or(Timestamp::MIN);
    let filter = ScreeningFilter { from: Some(from), ..ScreeningFilter::default() };
    let page = office.programme.list_screening_ids(&filter, PageRequest { after, ..PageRequest::FIRST }).await?;
    let states = office.locks.list_states(&page.items).await?;
    let (mut mended, mut failure) = (Vec::new(), None);
    for (id, _) in page.items.into_iter().zip(states).filter(|(_, state)| state.is_some()) {
        match compare_map(office, id).await {
            Ok(true) => mended.push(id),
            Ok(false) => {}
            Err(error) => failure = Some(error),
        }
    }
    failure.map_or(Ok(Page { items: mended, next: page.next }), Err)
}

/// Answers whether the map differed and was loaded again.
async fn compare_map(office: &BoxOffice, screening: ScreeningId) -> Backend<bool> {
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
