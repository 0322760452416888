//! A server's cache of screenings.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use tokio::sync::watch;

use crate::{catalogue::SharedScreening, ids::ScreeningId};

/// The most screenings that a server caches: those of a cinema chain in a week. A full cache is cleared.
pub const SCREENINGS_CACHED_MAX: usize = 4_096;

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
            if inner.by_id.len() >= SCREENINGS_CACHED_MAX {
                inner.by_id.clear();
            }
            inner.by_id.insert(open.screening.id, open);
        }
    }

    /// Invalidates the cache if it was filled at another revision than `revision`.
    pub fn follow(&self, revision: u64) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.revision != revision {
            inner.revision = revision;
            inner.by_id.clear();
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
