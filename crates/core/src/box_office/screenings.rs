//! Finding screenings, first in the server's cache, then in the store.

use std::{collections::HashMap, sync::Arc};

use jiff::Timestamp;

use super::BoxOffice;
use crate::{
    catalogue::{OpenScreening, SharedScreening},
    ids::{MovieId, ScreeningId},
    ports::{Backend, PageRequest, ScreeningFilter},
};

/// How a caller identifies a screening.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScreeningName {
    /// By the screening's id.
    Id(ScreeningId),
    /// By film and start time.
    Show(MovieId, Timestamp),
}

/// The result of resolving a [`ScreeningName`].
#[derive(Clone, Debug)]
pub enum NamedScreening {
    /// Exactly one screening.
    One(SharedScreening),
    /// No screening.
    NotFound,
    /// Several halls show the film at that time.
    Ambiguous(Vec<ScreeningId>),
}

/// Whether a caller saw the current revision of a screening.
#[derive(Clone, Debug)]
pub enum ScreeningCheck {
    /// The caller saw the current revision, or passed none.
    Current(SharedScreening),
    /// The screening is cancelled.
    Cancelled,
    /// The screening has changed since the caller saw it. Carries the current screening.
    Changed(SharedScreening),
    /// The screening was deleted.
    Gone,
}

impl BoxOffice {
    /// Compares the `revision` that a caller saw with that of the screening. If it is newer than that of `open`, this
    /// server's copy is stale and the screening is read from the store.
    ///
    /// # Errors
    /// A call to the store failed.
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

    /// A screening, from the cache if possible.
    ///
    /// # Errors
    /// A call to the store failed.
    pub async fn find_screening(&self, id: ScreeningId) -> Backend<Option<SharedScreening>> {
        if let Some(open) = self.screenings.get(id) {
            return Ok(Some(open));
        }
        Ok(self.find_screenings(&[id]).await?.pop())
    }

    /// The screenings with these ids that exist, in the order of the argument. Screenings that are not cached are read
    /// in one call.
    ///
    /// # Errors
    /// A call to the store failed.
    pub async fn find_screenings(&self, ids: &[ScreeningId]) -> Backend<Vec<SharedScreening>> {
        let revision = self.screenings.revision();
        let mut found: HashMap<ScreeningId, SharedScreening> =
            ids.iter().filter_map(|id| Some((*id, self.screenings.get(*id)?))).collect();
        let missing: Vec<ScreeningId> = ids.iter().filter(|id| !found.contains_key(id)).copied().collect();
        if !missing.is_empty() {
            for (screening, of_it) in self.stores.programme.find_screenings(&missing).await? {
                let open = Arc::new(OpenScreening::new(screening, of_it, self.settings.sales_close));
                self.screenings.put(revision, Arc::clone(&open));
                found.insert(open.screening.id, open);
            }
        }
        Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
    }

    /// Finds the screening that `name` identifies.
    ///
    /// # Errors
    /// A call to the store failed.
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
                let mut found = self.stores.programme.list_screening_ids(&filter, PageRequest::FIRST).await?.items;
                if found.is_empty() {
                    // Cancelled screenings are included, so that the caller learns that the screening is cancelled
                    // instead of unknown.
                    filter.without_cancelled = false;
                    found = self.stores.programme.list_screening_ids(&filter, PageRequest::FIRST).await?.items;
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

    /// Reads the programme's revision and invalidates the cache if it has changed, because other servers change the
    /// programme, too.
    ///
    /// # Errors
    /// A call to the store failed.
    pub async fn follow_programme(&self) -> Backend<()> {
        self.screenings.follow(self.stores.programme.revision().await?);
        Ok(())
    }
}
