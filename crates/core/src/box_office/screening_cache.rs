//! The cache of screenings.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use tokio::sync::watch;

use crate::{catalogue::SharedScreening, ids::ScreeningId};

/// The most screenings that a server caches: a week of a cinema chain. The cache is cleared when it is full.
pub const SCREENINGS_CACHED_MAX: usize = 4_096;

/// Cached screenings, invalidated when the programme's revision changes.
#[derive(Default)]
pub struct ScreeningCache {
    inner: Mutex<Cached>,
    /// Notifies the owners of other copies, such as live rooms, of a new revision.
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

    /// Subscribes to revisions of the programme. Each is sent after this cache was invalidated.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.followed.subscribe()
    }
}
