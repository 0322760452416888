//! Finding a screening without asking the store each time.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::Timestamp;

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
        }
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

impl BoxOffice {
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
            for screening in self.programme.find_screenings(&missing).await? {
                let open = Arc::new(OpenScreening::new(screening, self.settings.sales_close));
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
                let filter = ScreeningFilter {
                    movies: Some(vec![movie]),
                    start_time: Some(start),
                    ..ScreeningFilter::default()
                };
                let found = self.programme.list_screening_ids(&filter, PageRequest::FIRST).await?.items;
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
