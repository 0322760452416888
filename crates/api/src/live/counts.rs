//! Numbers of locked or sold seats for lists of screenings, read in batches and cached for a second.

use std::collections::HashMap;

use parking_lot::Mutex;
use seatkeeper_core::{ids::ScreeningId, ports::Backend};
use tokio::time::Instant;

use super::{
    limits::{COUNTS_CACHED_FOR, COUNTS_CACHED_MAX, STATES_PER_CALL_MAX},
    sources::Sources,
};

/// Cache of the number of taken seats per screening.
#[derive(Default)]
pub(super) struct TakenCounts {
    cached: Mutex<HashMap<ScreeningId, (Instant, u32)>>,
}

impl TakenCounts {
    /// Number of locked or sold seats of each screening, in the order of `screenings`.
    ///
    /// # Errors
    /// A count was not cached, and reading it from the store failed.
    pub(super) async fn list(&self, sources: &Sources, screenings: &[ScreeningId]) -> Backend<Vec<u32>> {
        let now = Instant::now();
        let missing: Vec<ScreeningId> = {
            let cached = self.cached.lock();
            let is_old = |id: &&ScreeningId| cached.get(id).is_none_or(|(at, _)| now - *at >= COUNTS_CACHED_FOR);
            screenings.iter().filter(is_old).copied().collect()
        };
        let mut fresh = HashMap::with_capacity(missing.len());
        for ids in missing.chunks(STATES_PER_CALL_MAX) {
            fresh.extend(ask(sources, ids).await?);
        }
        let mut cached = self.cached.lock();
        if cached.len() + fresh.len() > COUNTS_CACHED_MAX {
            cached.retain(|_, (at, _)| now - *at < COUNTS_CACHED_FOR);
        }
        let counts = screenings.iter().map(|id| fresh.get(id).or(cached.get(id).map(|(_, n)| n)).copied().unwrap_or(0));
        let counts = counts.collect();
        if cached.len() + fresh.len() <= COUNTS_CACHED_MAX {
            cached.extend(fresh.into_iter().map(|(id, count)| (id, (now, count))));
        }
        Ok(counts)
    }
}

/// Reads the counts from the lock store. For screenings whose seat map is not loaded there, and for all while the lock
/// store does not answer, the counts come from the store, which does not know locked seats. So the programme can be
/// listed during an outage.
async fn ask(sources: &Sources, ids: &[ScreeningId]) -> Backend<Vec<(ScreeningId, u32)>> {
    let states = sources.maps.list_states(ids).await.unwrap_or_else(|error| {
        tracing::warn!(part = error.part, error = %error.source, "seats are counted without the locked ones");
        vec![None; ids.len()]
    });
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
