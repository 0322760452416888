//! What a room's viewers see, and what they have not been sent yet.
//!
//! Plain data: no clock, no channel. The room is always at two places of one history: `shown` is what every viewer has
//! once the frames sent have arrived, `known` is what the lock store has said.

use std::collections::BTreeMap;

use axum::extract::ws::Utf8Bytes;
use seatkeeper_core::{
    ids::SeatId,
    locks::{LiveChange, SeatChange, SeatSnapshot, SeatStatus},
};

use super::frames::{alive_frame, changes_frame, snapshot_frame};

/// How a change fits to what is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// It is the next one.
    Next,
    /// It was in the snapshot already.
    Known,
    /// Something is missing, or the numbers went back: only a new snapshot helps.
    Gap,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Nothing is known.
    Nowhere,
    /// A snapshot was taken after subscribing: changes that are in it may still arrive.
    AtSnapshot,
    /// Changes chain.
    InStep,
    /// They did not.
    Lost,
}

/// A room's map.
#[derive(Debug)]
pub(super) struct LiveBoard {
    place: Place,
    shown: BTreeMap<SeatId, SeatStatus>,
    shown_seq: u64,
    /// Every seat touched since the last frame, also one that is back where it was: a GET may have told of the time between.
    unsent: BTreeMap<SeatId, SeatStatus>,
    known_seq: u64,
    /// The screening's own revision, which every snapshot carries.
    revision: u64,
    /// The seats are others than in the last snapshot: viewers need the next one even if nothing is taken.
    is_redrawn: bool,
    /// The snapshot of `shown`, once for all who join before the next frame.
    snapshot: Option<Utf8Bytes>,
}

impl LiveBoard {
    pub(super) const fn new() -> Self {
        Self {
            place: Place::Nowhere,
            shown: BTreeMap::new(),
            shown_seq: 0,
            unsent: BTreeMap::new(),
            known_seq: 0,
            revision: 0,
            is_redrawn: false,
            snapshot: None,
        }
    }

    /// Starts over from a snapshot taken after subscribing. The answer is the frame that viewers need, if any.
    pub(super) fn start_over(&mut self, snapshot: &SeatSnapshot) -> Option<Utf8Bytes> {
        let seats: BTreeMap<_, _> = snapshot.seats.iter().map(|seat| (seat.id, seat.status)).collect();
        let same_map = self.place != Place::Nowhere && !std::mem::take(&mut self.is_redrawn);
        let same = same_map && snapshot.seq == self.shown_seq && seats == self.shown;
        self.place = Place::AtSnapshot;
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

    /// The screening has this revision from now on. With `is_redrawn` its seats are others, and only a new snapshot helps.
    pub(super) fn set_revision(&mut self, revision: u64, is_redrawn: bool) {
        self.revision = revision;
        self.snapshot = None;
        if is_redrawn && self.has_map() {
            self.is_redrawn = true;
            self.lose_step();
        }
    }

    /// Takes in a change; viewers are not told yet.
    pub(super) fn apply(&mut self, change: &LiveChange) -> Fit {
        match self.place {
            Place::Nowhere | Place::Lost => return Fit::Gap,
            Place::AtSnapshot if change.seq <= self.known_seq => return Fit::Known,
            Place::AtSnapshot | Place::InStep if change.prev != self.known_seq || change.seq <= change.prev => {
                self.place = Place::Lost;
                return Fit::Gap;
            }
            Place::AtSnapshot | Place::InStep => self.place = Place::InStep,
        }
        self.known_seq = change.seq;
        self.unsent.extend(change.changes.iter().map(|change| (change.id, change.status)));
        Fit::Next
    }

    /// What is known may be wrong.
    pub(super) fn lose_step(&mut self) {
        if self.place != Place::Nowhere {
            self.place = Place::Lost;
        }
    }

    /// Whether what is known follows the lock store, as far as one can tell.
    pub(super) fn in_step(&self) -> bool {
        matches!(self.place, Place::AtSnapshot | Place::InStep)
    }

    /// Whether there is a map to show at all.
    pub(super) fn has_map(&self) -> bool {
        self.place != Place::Nowhere
    }

    /// Whether viewers have something coming.
    pub(super) fn has_unsent(&self) -> bool {
        self.known_seq != self.shown_seq
    }

    /// The sequence of the last change taken in.
    pub(super) fn known_seq(&self) -> u64 {
        self.known_seq
    }

    /// One frame with everything unsent: last status of each seat, `prev` of the first change, `seq` of the last.
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

    /// `alive`, as of the last frame sent.
    pub(super) fn alive_frame(&self) -> Utf8Bytes {
        alive_frame(self.shown_seq).into()
    }

    /// The map with everything that is known, sent or not.
    pub(super) fn known(&self) -> SeatSnapshot {
        let mut seats = self.shown.clone();
        seats.extend(&self.unsent);
        let changes = seats.into_iter().filter(|(_, status)| *status != SeatStatus::Available);
        SeatSnapshot { seq: self.known_seq, seats: changes.map(|(id, status)| SeatChange { id, status }).collect() }
    }
}
