//! Counts of taken seats for lists of screenings, read in batches and cached for a second.

use std::collections::HashMap;

use parking_lot::Mutex;
use seatkeeper_core::{ids::ScreeningId, ports::Backend};
use tokio::time::Instant;

use super::{
    limits::{COUNTS_KEPT_FOR, COUNTS_KEPT_MAX, STATES_PER_CALL_MAX},
    sources::Sources,
};

/// Cache of the number of taken seats per screening.
#[derive(Default)]
pub(super) struct TakenCounts {
    kept: Mutex<HashMap<ScreeningId, (Instant, u32)>>,
}

impl TakenCounts {
    /// How many seats of each screening are locked or sold, in the same order.
    ///
    /// # Errors
    /// The store failed.
    pub(super) async fn list(&self, sources: &Sources, screenings: &[ScreeningId]) -> Backend<Vec<u32>> {
        let now = Instant::now();
        let missing: Vec<ScreeningId> = {
            let kept = self.kept.lock();
            let is_old = |id: &&ScreeningId| kept.get(id).is_none_or(|(at, _)| now - *at >= COUNTS_KEPT_FOR);
            screenings.iter().filter(is_old).copied().collect()
        };
        let mut fresh = HashMap::with_capacity(missing.len());
        for ids in missing.chunks(STATES_PER_CALL_MAX) {
            fresh.extend(ask(sources, ids).await?);
        }
        let mut kept = self.kept.lock();
        if kept.len() + fresh.len() > COUNTS_KEPT_MAX {
            kept.retain(|_, (at, _)| now - *at < COUNTS_KEPT_FOR);
        }
        let counts = screenings.iter().map(|id| fresh.get(id).or(kept.get(id).map(|(_, n)| n)).copied().unwrap_or(0));
        let counts = counts.collect();
        if kept.len() + fresh.len() <= COUNTS_KEPT_MAX {
            kept.extend(fresh.into_iter().map(|(id, count)| (id, (now, count))));
        }
        Ok(counts)
    }
}

/// Reads the counts from the lock store, and from the store for screenings whose map is not loaded. While the lock store does
/// not answer, all counts come from the store, without locked seats, so that the programme can still be shown.
async fn ask(sources: &Sources, ids: &[ScreeningId]) -> Backend<Vec<(ScreeningId, u32)>> {
    let states = sources.locks.list_states(ids).await.unwrap_or_else(|_| vec![None; ids.len()]);
    let (mut counts, mut unknown) = (Vec::with_capacity(ids.len()), Vec::new());
    for (id, state) in ids.iter().zip(states) {
        match state {
            Some((_, taken)) => counts.push((*id, taken)),
            None => unknown.push(*id),
        }
    }
    if !unknown.is_empty() {
        let taken = (sources.count_taken)(unknown.clone()).await?;
        counts.extend(unknown.into_iter().zip(taken));
    }
    Ok(counts)
}
