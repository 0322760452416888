//! The background task that keeps one room's seat map current: it subscribes to live changes, waits for the
//! confirmation, reads a snapshot, and then applies the changes.

use std::{future::poll_fn, sync::Arc};

use seatkeeper_core::ports::Backend;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::{
    compare::LastCompared,
    hold_reads::read_holds,
    limits::{ALIVE_EVERY, ALIVES_PER_PING, RELOAD_EVERY_MIN, RELOAD_PAUSE_MAX},
    room::{Fed, Room},
    sources::Sources,
};

/// Runs a room until it is closed or the server stops.
pub(super) async fn run_room(room: Arc<Room>, sources: Arc<Sources>, compared: LastCompared, stop: CancellationToken) {
    // Close the room even if this task panics: its viewers then reconnect to a new room instead of waiting for ever.
    let _guard = CloseOnDrop(&room);
    // Cancelling `work` at any await is safe: closing the room discards all of its state.
    let work = async {
        tokio::select! {
            () = keep_map_current(&room, &sources, &compared) => {}
            () = read_holds(&room, &sources) => {}
        }
    };
    stop.run_until_cancelled(work).await;
}

struct CloseOnDrop<'a>(&'a Room);

impl Drop for CloseOnDrop<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}

async fn keep_map_current(room: &Room, sources: &Sources, compared: &LastCompared) {
    let mut heartbeat = Heartbeat::new();
    let mut pause = RELOAD_EVERY_MIN;
    while !room.is_closed() {
        match start_over(room, sources).await {
            Ok(()) => {
                if pause > RELOAD_EVERY_MIN {
                    tracing::info!(screening = %room.id, "live seat map loaded after earlier failures");
                }
                pause = RELOAD_EVERY_MIN;
                follow(room, compared, &mut heartbeat).await;
                if room.is_closed() {
                    return;
                }
                metrics::counter!("seatkeeper_live_reloads_total").increment(1);
            }
            Err(error) => {
                if pause == RELOAD_EVERY_MIN {
                    tracing::warn!(
                        screening = %room.id, part = error.part, error = %error.source,
                        "loading the live seat map failed; retrying with backoff"
                    );
                }
                pause = (pause * 2).min(RELOAD_PAUSE_MAX);
            }
        }
        sleep(pause).await;
    }
}

/// Reloads the room. Subscribes before reading the snapshot, so that every change is in the snapshot, in the feed, or
/// in both.
async fn start_over(room: &Room, sources: &Sources) -> Backend<()> {
    let feed = sources.live.watch(room.id).await?;
    let snapshot = sources.snapshot(room.id).await?;
    room.start_over(feed, &snapshot);
    Ok(())
}

/// Applies live changes and sends them to viewers until a change is missing or the room is closed.
async fn follow(room: &Room, compared: &LastCompared, heartbeat: &mut Heartbeat) {
    loop {
        let due = room.send_if_due(Instant::now());
        let sending = async {
            match due {
                Some(due) => sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            fed = poll_fn(|cx| room.poll_feed(cx)) => if fed == Fed::Lost { return },
            () = sending => {}
            () = room.stirred() => if room.is_closed() { return },
            with_ping = heartbeat.beat() => room.send_alive(with_ping, compared.is_recent(), Instant::now()),
        }
    }
}

struct Heartbeat {
    every: tokio::time::Interval,
    beats: u32,
}

impl Heartbeat {
    fn new() -> Self {
        let mut every = interval_at(Instant::now() + ALIVE_EVERY, ALIVE_EVERY);
        every.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { every, beats: 0 }
    }

    /// Waits for the next heartbeat; returns whether a ping must be sent with it.
    async fn beat(&mut self) -> bool {
        self.every.tick().await;
        self.beats = self.beats.wrapping_add(1);
        self.beats.is_multiple_of(ALIVES_PER_PING)
    }
}
