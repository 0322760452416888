//! Finding a screening without asking the store each time.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::Timestamp;
use tokio::sync::watch;

use super::BoxOffice;
use crate::{
    catalogue::{OpenScreening, SharedScreening},
    ids::{MovieId, ScreeningId},
    ports::{Backend, PageRequest, ScreeningFilter},
};

/// How many screenings a server keeps at hand; a chain's week fits, a stranger's random ids do not add up.
pub const SCREENINGS_CACHED_MAX: usize = 4_096;

/// Screenings at hand, forgotten when the programme's revision changes.
#[derive(Default)]
pub struct ScreeningCache {
    inner: Mutex<Cached>,
    /// Wakes those who keep copies of their own, such as rooms of viewers.
    followed: watch::Sender<u64>,
}

#[derive(Default)]
struct Cached {
    revision: u64,
    by_id: HashMap<ScreeningId, SharedScreening>,
}

impl ScreeningCache {
    fn get(&self, id: ScreeningId) -> Option<SharedScreening> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).by_id.get(&id).cloned()
    }

    fn revision(&self) -> u64 {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).revision
    }

    /// Keeps what was read at `revision`, unless the programme has changed since.
    fn put(&self, revision: u64, open: SharedScreening) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.revision == revision {
            if inner.by_id.len() >= SCREENINGS_CACHED_MAX {
                inner.by_id.clear();
            }
            inner.by_id.insert(open.screening.id, open);
        }
    }

    /// Forgets everything that was read before `revision`.
    pub fn follow(&self, revision: u64) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.revision != revision {
            inner.revision = revision;
            inner.by_id.clear();
            drop(inner);
            self.followed.send_replace(revision);
        }
    }

    /// Hears of every revision of the programme from the moment at which this server has forgotten what is older.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.followed.subscribe()
    }
}

/// How a caller names a screening.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScreeningName {
    /// By its id.
    Id(ScreeningId),
    /// By film and start.
    Show(MovieId, Timestamp),
}

/// What a name means.
#[derive(Clone, Debug)]
pub enum NamedScreening {
    /// This one.
    One(SharedScreening),
    /// None.
    NotFound,
    /// Several halls show the film at that time.
    Ambiguous(Vec<ScreeningId>),
}

/// Whether a caller knows the screening as it is now.
#[derive(Clone, Debug)]
pub enum ScreeningCheck {
    /// They do, or did not say what they know.
    Current(SharedScreening),
    /// It is cancelled.
    Cancelled,
    /// It has changed since they saw it; as it is now.
    Changed(SharedScreening),
    /// It has been deleted.
    Gone,
}

impl BoxOffice {
    /// Compares what a caller saw (`revision`) with the screening. A revision newer than `open` says that this server's copy
    /// is old: the store is read first.
    ///
    /// # Errors
    /// The store failed.
    pub async fn check_screening(&self, open: SharedScreening, revision: Option<u64>) -> Backend<ScreeningCheck> {
        let open = if revision.is_some_and(|seen| seen > open.revision) {
            self.follow_programme().await?;
            match self.find_screening(open.screening.id).await? {
                Some(open) => open,
                None => return Ok(ScreeningCheck::Gone),
            }
        } else {
            open
        };
        Ok(match open.screening.is_cancelled {
            true => ScreeningCheck::Cancelled,
            false if revision.is_some_and(|seen| seen < open.revision) => ScreeningCheck::Changed(open),
            false => ScreeningCheck::Current(open),
        })
    }

    /// A screening, from memory if it is there.
    ///
    /// # Errors
    /// The store failed.
    pub async fn find_screening(&self, id: ScreeningId) -> Backend<Option<SharedScreening>> {
        if let Some(open) = self.screenings.get(id) {
            return Ok(Some(open));
        }
        Ok(self.find_screenings(&[id]).await?.pop())
    }

    /// Those of these screenings that are there, in the same order. What is not in memory is read in one call.
    ///
    /// # Errors
    /// The store failed.
    pub async fn find_screenings(&self, ids: &[ScreeningId]) -> Backend<Vec<SharedScreening>> {
        let revision = self.screenings.revision();
        let mut found: HashMap<ScreeningId, SharedScreening> =
            ids.iter().filter_map(|id| Some((*id, self.screenings.get(*id)?))).collect();
        let missing: Vec<ScreeningId> = ids.iter().filter(|id| !found.contains_key(id)).copied().collect();
        if !missing.is_empty() {
            for (screening, of_it) in self.programme.find_screenings(&missing).await? {
                let open = Arc::new(OpenScreening::new(screening, of_it, self.settings.sales_close));
                self.screenings.put(revision, Arc::clone(&open));
                found.insert(open.screening.id, open);
            }
        }
        Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
    }

    /// The screening that `name` means.
    ///
    /// # Errors
    /// The store failed.
    pub async fn resolve_screening(&self, name: ScreeningName) -> Backend<NamedScreening> {
        let id = match name {
            ScreeningName::Id(id) => id,
            ScreeningName::Show(movie, start) => {
                let mut filter = ScreeningFilter {
                    movies: Some(vec![movie]),
                    start_time: Some(start),
                    without_cancelled: true,
                    ..ScreeningFilter::default()
                };
                let mut found = self.programme.list_screening_ids(&filter, PageRequest::FIRST).await?.items;
                if found.is_empty() {
                    // Whoever names a cancelled showing should hear that it is cancelled, not that there is none.
                    filter.without_cancelled = false;
                    found = self.programme.list_screening_ids(&filter, PageRequest::FIRST).await?.items;
                }
                match found.as_slice() {
                    [] => return Ok(NamedScreening::NotFound),
                    [one] => *one,
                    _ => return Ok(NamedScreening::Ambiguous(found)),
                }
            }
        };
        Ok(self.find_screening(id).await?.map_or(NamedScreening::NotFound, NamedScreening::One))
    }

    /// Asks for the programme's revision and forgets what is older: other servers change it too.
    ///
    /// # Errors
    /// The store failed.
    pub async fn follow_programme(&self) -> Backend<()> {
        self.screenings.follow(self.programme.revision().await?);
        Ok(())
    }
}
