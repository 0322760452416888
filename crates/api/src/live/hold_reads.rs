//! Reads people's holds (the seats that they have locked) from the lock store when no live change contains them: for a
//! person's first socket, after the room was reloaded from a snapshot, and when a server of the previous version
//! publishes a change without its holders.

use std::sync::Arc;

use futures_util::future::join_all;
use tokio::time::sleep;

use super::{
    limits::{HOLD_READS_AT_ONCE_MAX, HOLD_READS_EVERY_MIN, RELOAD_PAUSE_MAX},
    room::Room,
    sources::Sources,
};

/// Reads the holds marked as unread in batches, until this future is dropped. A pause between batches throttles the
/// reads: however fast changes come, each hold is read at most once per pause.
pub(super) async fn read_holds(room: &Arc<Room>, sources: &Sources) {
    let mut pause = HOLD_READS_EVERY_MIN;
    loop {
        let unread = room.unread_holds(HOLD_READS_AT_ONCE_MAX).await;
        let reads = unread.people.iter().map(async |person| {
            let _permit = sources.hold_reads.acquire().await;
            sources.locks.find_hold(room.id, *person).await
        });
        let mut failed = None;
        for (person, read) in unread.people.iter().zip(join_all(reads).await) {
            match read {
                Ok(hold) => room.put_hold(unread.generation, *person, &hold),
                Err(error) => {
                    room.read_hold_again(*person);
                    failed = Some(error);
                }
            }
        }
        pause = match failed {
            None => HOLD_READS_EVERY_MIN,
            Some(error) => {
                if pause == HOLD_READS_EVERY_MIN {
                    tracing::warn!(
                        screening = %room.id, part = error.part, error = %error.source,
                        "reading holds failed; retrying with backoff"
                    );
                }
                (pause * 2).min(RELOAD_PAUSE_MAX)
            }
        };
        sleep(pause).await;
    }
}
