//! A room's seat map at two points of its history: as sent to viewers (`shown`) and as received from the lock store (`known`).
//!
//! Plain data: no clock, no channel. The unsent changes are the difference between the two.

use std::collections::BTreeMap;

use axum::extract::ws::Utf8Bytes;
use seatkeeper_core::{
    ids::SeatId,
    locks::{LiveChange, SeatChange, SeatSnapshot, SeatStatus},
};

use super::frames::{alive_frame, changes_frame, snapshot_frame};

/// Result of comparing a live change's sequence numbers with those of the known map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// The change directly follows the last applied change, and was applied.
    Next,
    /// The map's snapshot already contains the change, so it was ignored.
    Known,
    /// Changes are missing, or the lock store's sequence went back: the map must be replaced with a new snapshot.
    Gap,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sync {
    /// No snapshot has been loaded yet.
    Nowhere,
    /// The map is a snapshot that was taken after subscribing to live changes: changes that the snapshot contains may
    /// still arrive.
    AtSnapshot,
    /// No change is missing: the `prev` of each change was the `seq` of the preceding change.
    InStep,
    /// Changes may be missing: a new snapshot is needed.
    Lost,
}

/// A room's map.
#[derive(Debug)]
pub(super) struct LiveBoard {
    sync: Sync,
    shown: BTreeMap<SeatId, SeatStatus>,
    shown_seq: u64,
    /// Every seat that changed since the last frame, even if it changed back: a GET between the two changes may have
    /// returned the other status.
    unsent: BTreeMap<SeatId, SeatStatus>,
    known_seq: u64,
    /// The screening's revision, part of every snapshot frame.
    revision: u64,
    /// The layout has changed since the last snapshot frame: the next snapshot must be sent to viewers even if no
    /// seat's status differs.
    is_redrawn: bool,
    /// Cached snapshot frame of `shown`, for all viewers who subscribe before the next frame.
    snapshot: Option<Utf8Bytes>,
}

impl LiveBoard {
    pub(super) const fn new() -> Self {
        Self {
            sync: Sync::Nowhere,
            shown: BTreeMap::new(),
            shown_seq: 0,
            unsent: BTreeMap::new(),
            known_seq: 0,
            revision: 0,
            is_redrawn: false,
            snapshot: None,
        }
    }

    /// Replaces the map with a snapshot taken after subscribing to live changes. Returns the snapshot frame to send to
    /// viewers; `None` if they have this map already.
    pub(super) fn start_over(&mut self, snapshot: &SeatSnapshot) -> Option<Utf8Bytes> {
        let seats: BTreeMap<_, _> = snapshot.seats.iter().map(|seat| (seat.id, seat.status)).collect();
        let same_map = self.sync != Sync::Nowhere && !std::mem::take(&mut self.is_redrawn);
        let same = same_map && snapshot.seq == self.shown_seq && seats == self.shown;
        self.sync = Sync::AtSnapshot;
        self.unsent.clear();
        self.known_seq = snapshot.seq;
        self.shown_seq = snapshot.seq;
        self.shown = seats;
        if same {
            return None;
        }
        self.snapshot = None;
        Some(self.snapshot_frame())
    }

    /// Sets the screening's revision. `is_redrawn` means that its layout has changed, so that the map must be replaced
    /// with a new snapshot.
    pub(super) fn set_revision(&mut self, revision: u64, is_redrawn: bool) {
        self.revision = revision;
        self.snapshot = None;
        if is_redrawn && self.has_map() {
            self.is_redrawn = true;
            self.lose_step();
        }
    }

    /// Applies a change to the known map; the next [`Self::take_frame`] returns it for sending.
    pub(super) fn apply(&mut self, change: &LiveChange) -> Fit {
        match self.sync {
            Sync::Nowhere | Sync::Lost => return Fit::Gap,
            Sync::AtSnapshot if change.seq <= self.known_seq => return Fit::Known,
            Sync::AtSnapshot | Sync::InStep if change.prev != self.known_seq || change.seq <= change.prev => {
                self.sync = Sync::Lost;
                return Fit::Gap;
            }
            Sync::AtSnapshot | Sync::InStep => self.sync = Sync::InStep,
        }
        self.known_seq = change.seq;
        self.unsent.extend(change.changes.iter().map(|change| (change.id, change.status)));
        Fit::Next
    }

    /// Marks the known map as possibly missing changes, until it is replaced with a new snapshot.
    pub(super) fn lose_step(&mut self) {
        if self.sync != Sync::Nowhere {
            self.sync = Sync::Lost;
        }
    }

    /// Whether no change is known to be missing.
    pub(super) fn in_step(&self) -> bool {
        matches!(self.sync, Sync::AtSnapshot | Sync::InStep)
    }

    /// Whether there is a map, current or not.
    pub(super) fn has_map(&self) -> bool {
        self.sync != Sync::Nowhere
    }

    /// Whether changes wait to be sent to viewers.
    pub(super) fn has_unsent(&self) -> bool {
        self.known_seq != self.shown_seq
    }

    /// Sequence number of the last change applied to the known map.
    pub(super) fn known_seq(&self) -> u64 {
        self.known_seq
    }

    /// One frame with all unsent changes: last status of each seat, `prev` of the first change, `seq` of the last.
    pub(super) fn take_frame(&mut self) -> Option<Utf8Bytes> {
        if !self.has_unsent() {
            return None;
        }
        let changes = self.unsent.iter().map(|(id, status)| SeatChange { id: *id, status: *status });
        let frame = changes_frame(self.shown_seq, self.known_seq, changes);
        for (id, status) in std::mem::take(&mut self.unsent) {
            match status {
                SeatStatus::Available => self.shown.remove(&id),
                SeatStatus::Locked { .. } | SeatStatus::Booked | SeatStatus::Unavailable => {
                    self.shown.insert(id, status)
                }
            };
        }
        self.shown_seq = self.known_seq;
        self.snapshot = None;
        Some(frame.into())
    }

    /// The map as of the last frame sent.
    pub(super) fn snapshot_frame(&mut self) -> Utf8Bytes {
        let Self { snapshot, shown, shown_seq, revision, .. } = self;
        let seats = || shown.iter().map(|(id, status)| SeatChange { id: *id, status: *status });
        snapshot.get_or_insert_with(|| snapshot_frame(*shown_seq, *revision, seats()).into()).clone()
    }

    /// The `alive` frame with the sequence of the last frame sent.
    pub(super) fn alive_frame(&self) -> Utf8Bytes {
        alive_frame(self.shown_seq).into()
    }

    /// The map with all known changes, sent or not.
    pub(super) fn known(&self) -> SeatSnapshot {
        let mut seats = self.shown.clone();
        seats.extend(&self.unsent);
        let changes = seats.into_iter().filter(|(_, status)| *status != SeatStatus::Available);
        SeatSnapshot { seq: self.known_seq, seats: changes.map(|(id, status)| SeatChange { id, status }).collect() }
    }
}
