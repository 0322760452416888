//! Releases that are not in the outbox yet.

use std::collections::{HashSet, VecDeque};

use seatkeeper_core::{ids::ScreeningId, locks::Release};

use super::record::ReleaseName;

/// The most releases that wait for the outbox (about 16 MB). Beyond it the oldest are dropped and a warning is logged.
pub const RELEASES_WAITING_MAX: usize = 100_000;

/// The waiting releases, oldest first.
#[derive(Default)]
pub(super) struct Pending(VecDeque<Release>);

impl Pending {
    pub(super) fn push(&mut self, releases: impl IntoIterator<Item = Release>) {
        for release in releases {
            if self.0.len() >= RELEASES_WAITING_MAX {
                let dropped = self.0.pop_front();
                let seq = dropped.as_ref().map(|release| release.seq);
                let screening = dropped.map(|release| release.screening.to_string());
                tracing::error!(screening, seq, "too many releases wait for the outbox: the oldest is dropped");
            }
            self.0.push_back(release);
        }
    }

    pub(super) fn list(&self, of: Option<ScreeningId>, limit: usize) -> Vec<Release> {
        let asked = self.0.iter().filter(|release| of.is_none_or(|screening| release.screening == screening));
        asked.take(limit).cloned().collect()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Release> {
        self.0.iter()
    }

    /// Removes the named releases. Usually they are the first ones in the queue, which needs no search.
    pub(super) fn forget(&mut self, copied: &[ReleaseName]) {
        let mut copied: HashSet<ReleaseName> = copied.iter().copied().collect();
        while let Some(name) = self.0.front().and_then(ReleaseName::of)
            && copied.remove(&name)
        {
            self.0.pop_front();
        }
        if !copied.is_empty() {
            self.0.retain(|release| ReleaseName::of(release).is_none_or(|name| !copied.contains(&name)));
        }
    }
}
