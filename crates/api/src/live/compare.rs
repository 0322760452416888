//! Once a second, compares the sequence number of every open room's map with the lock store's. Publishing live changes
//! is best effort, so a room may have missed one.

use std::sync::Arc;

use parking_lot::Mutex;
use seatkeeper_core::{ids::ScreeningId, ports::Backend};
use tokio::time::{Instant, sleep};

use super::{
    limits::{COMPARED_AGO_MAX, FRAMES_UNDER_WAY_MAX, STATES_PER_CALL_MAX},
    room::Room,
    sources::Sources,
};

/// Time of the last successful comparison of the rooms with the lock store.
#[derive(Clone)]
pub(super) struct LastCompared(Arc<Mutex<Instant>>);

impl LastCompared {
    pub(super) fn now() -> Self {
        Self(Arc::new(Mutex::new(Instant::now())))
    }

    /// Records a successful comparison.
    pub(super) fn confirm(&self) {
        *self.0.lock() = Instant::now();
    }

    /// Whether the last comparison is recent enough to send `alive`.
    pub(super) fn is_recent(&self) -> bool {
        self.0.lock().elapsed() <= COMPARED_AGO_MAX
    }
}

/// Result of comparing one room's sequence number with the lock store's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// The lock store's sequence is not before the room's at the start of the call and not after the room's at its end.
    Agrees,
    /// The lock store's sequence is greater than the room's: a live change is in flight, or lost.
    Behind,
    /// The lock store's sequence is smaller than the room's, or the lock store no longer has the map.
    Wrong,
}

fn judge(before: u64, after: u64, store: Option<u64>) -> Verdict {
    match store {
        None => Verdict::Wrong,
        Some(store) if store < before => Verdict::Wrong,
        Some(store) if store > after => Verdict::Behind,
        Some(_) => Verdict::Agrees,
    }
}

/// Compares these rooms with the lock store once. A room that has missed a change is reloaded from a new snapshot.
///
/// # Errors
/// Reading the sequences from the lock store failed.
pub(super) async fn compare_all(rooms: Vec<Arc<Room>>, sources: &Sources) -> Backend<()> {
    let rooms: Vec<(Arc<Room>, u64)> =
        rooms.into_iter().filter_map(|room| room.sent_seq().map(|seq| (room, seq))).collect();
    let mut behind = Vec::new();
    for rooms in rooms.chunks(STATES_PER_CALL_MAX) {
        let ids: Vec<ScreeningId> = rooms.iter().map(|(room, _)| room.id).collect();
        let states = sources.maps.list_states(&ids).await?;
        for ((room, before), state) in rooms.iter().zip(states) {
            let Some(after) = room.known_seq() else { continue };
            let store = state.map(|(seq, _)| seq);
            match judge(*before, after, store) {
                Verdict::Agrees => {}
                Verdict::Behind => behind.extend(store.map(|seq| (room, seq))),
                Verdict::Wrong => start_over(room, "the lock store's sequence went back"),
            }
        }
    }
    if !behind.is_empty() {
        sleep(FRAMES_UNDER_WAY_MAX).await;
        for (room, store) in behind {
            if room.known_seq().is_some_and(|seq| seq < store) {
                start_over(room, "a live change was lost");
            }
        }
    }
    Ok(())
}

fn start_over(room: &Room, why: &str) {
    tracing::info!(screening = %room.id, why, "live room starts over from a new snapshot");
    room.lose_step();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_agrees_with_a_sequence_of_the_lock_store_between_its_own_before_and_after_the_call() {
        assert_eq!(judge(5, 5, Some(5)), Verdict::Agrees);
        assert_eq!(judge(5, 9, Some(7)), Verdict::Agrees, "changes arrived during the call");
    }

    #[test]
    fn room_is_behind_a_greater_sequence_of_the_lock_store_and_wrong_about_a_smaller_or_missing_one() {
        assert_eq!(judge(5, 5, Some(6)), Verdict::Behind);
        assert_eq!(judge(5, 5, Some(4)), Verdict::Wrong);
        assert_eq!(judge(5, 9, None), Verdict::Wrong);
    }
}
