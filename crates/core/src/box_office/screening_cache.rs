//! A server's cache of screenings.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use tokio::sync::watch;

use crate::{catalogue::SharedScreening, ids::ScreeningId};

/// The most screenings that a server caches: more than the longest list of the programme has, so that a list can be
/// served from the cache as a whole. A full cache evicts one screening for each new one.
pub const SCREENINGS_CACHED_MAX: usize = 6_144;

/// The multiplier of Fibonacci hashing (2⁶⁴ divided by the golden ratio), which scatters consecutive numbers.
const SCATTER: u64 = 0x9E37_79B9_7F4A_7C15;

/// Cached screenings. All are invalidated when the programme's revision changes.
#[derive(Default)]
pub struct ScreeningCache {
    inner: Mutex<Cached>,
    /// Sends each new revision to the parts that have their own copies of screenings, such as the live seat maps.
    followed: watch::Sender<u64>,
}

#[derive(Default)]
struct Cached {
    revision: u64,
    by_id: HashMap<ScreeningId, SharedScreening>,
    /// The ids in the cache, so that any of them can be picked for eviction.
    ids: Vec<ScreeningId>,
    /// Number of evictions.
    evicted: u64,
}

impl Cached {
    /// Inserts a screening. A full cache evicts a pseudo-random one. Evicting the least recently used one would fail for
    /// lists: when a list is longer than the cache, each screening would be evicted just before the next list asks for
    /// it.
    fn insert(&mut self, open: SharedScreening) {
        let id = open.screening.id;
        if self.by_id.insert(id, open).is_some() {
            return;
        }
        if self.ids.len() < SCREENINGS_CACHED_MAX {
            self.ids.push(id);
            return;
        }
        self.evicted += 1;
        let place = (self.evicted.wrapping_mul(SCATTER) >> 32) as usize % self.ids.len();
        let evicted = std::mem::replace(&mut self.ids[place], id);
        self.by_id.remove(&evicted);
    }
}

impl ScreeningCache {
    pub(super) fn get(&self, id: ScreeningId) -> Option<SharedScreening> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).by_id.get(&id).cloned()
    }

    pub(super) fn revision(&self) -> u64 {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).revision
    }

    /// Caches a screening that was read at `revision`, unless the programme has changed since.
    pub(super) fn put(&self, revision: u64, open: SharedScreening) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.revision == revision {
            inner.insert(open);
        }
    }

    /// Invalidates the cache if it was filled at another revision than `revision`.
    pub fn follow(&self, revision: u64) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.revision != revision {
            inner.revision = revision;
            inner.by_id.clear();
            inner.ids.clear();
            drop(inner);
            self.followed.send_replace(revision);
        }
    }

    /// Subscribes to new revisions of the programme. A revision is sent after this cache was invalidated.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.followed.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Arc};

    use jiff::{SignedDuration, Timestamp};
    use uuid::Uuid;

    use super::*;
    use crate::{
        catalogue::{OpenScreening, Screening},
        ids::{HallId, MovieId},
        seating::Layout,
    };

    fn open(number: u128) -> SharedScreening {
        let rows = serde_json::json!({ "rows": [{ "label": "A", "cells": ["seat"] }] });
        let screening = Screening {
            id: ScreeningId::from_uuid(Uuid::from_u128(number)),
            movie_id: MovieId::from_uuid(Uuid::nil()),
            hall_id: HallId::from_uuid(Uuid::nil()),
            start_time: Timestamp::UNIX_EPOCH,
            end_time: Timestamp::UNIX_EPOCH,
            hall_free_at: Timestamp::UNIX_EPOCH,
            is_cancelled: false,
            movie_title: String::new(),
            movie_title_th: None,
            hall_name: String::new(),
            hall_name_th: None,
            layout: serde_json::from_value::<Layout>(rows).unwrap(),
            prices: BTreeMap::new(),
        };
        Arc::new(OpenScreening::new(screening, 1, SignedDuration::ZERO))
    }

    /// Looks up a list of screenings twice, and returns how many the second time finds.
    fn found_again(listed: usize) -> usize {
        let cache = ScreeningCache::default();
        let mut found = 0;
        for _ in 0..2 {
            found = 0;
            for number in 0..listed as u128 {
                match cache.get(ScreeningId::from_uuid(Uuid::from_u128(number))) {
                    Some(_) => found += 1,
                    None => cache.put(0, open(number)),
                }
            }
        }
        let inner = cache.inner.lock().unwrap();
        assert!(inner.by_id.len() <= SCREENINGS_CACHED_MAX && inner.by_id.len() == inner.ids.len());
        found
    }

    #[test]
    fn list_longer_than_the_cache_is_mostly_served_from_it() {
        assert_eq!(found_again(SCREENINGS_CACHED_MAX), SCREENINGS_CACHED_MAX);
        let listed = SCREENINGS_CACHED_MAX + SCREENINGS_CACHED_MAX / 8;
        let found = found_again(listed);
        assert!(found > listed / 2, "{found} of {listed}");
    }
}
