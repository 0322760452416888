//! Sends viewers a `screening` frame when the screening itself changes: its times, prices or layout, or the close of
//! sales.
//!
//! Every server polls the programme's revision once a second, and at once after a change that it made itself. When the
//! revision has grown, the server invalidates its cache of screenings and notifies this task, which reads the
//! screenings of all open rooms in one call. The task also runs once a second, because sales close by time, and because
//! a room may have been opened with an outdated copy of its screening.

use std::collections::HashMap;

use seatkeeper_core::{box_office::BoxOffice, catalogue::SharedScreening, ids::ScreeningId, ports::Backend};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{
    hub::{Hub, Rooms},
    limits::{ROOMS_FOLLOWED_EVERY, STATES_PER_CALL_MAX},
};

impl Rooms {
    /// Runs until `stop` is cancelled.
    pub async fn follow_programme(&self, office: &BoxOffice, stop: CancellationToken) {
        stop.run_until_cancelled(follow(self.hub(), office)).await;
    }
}

async fn follow(hub: &Hub, office: &BoxOffice) {
    let mut followed = office.screenings.subscribe();
    let mut answered = true;
    loop {
        match show_current(hub, office).await {
            Ok(()) => answered = true,
            Err(error) => {
                if answered {
                    tracing::warn!(part = error.part, error = %error.source, "reading live screenings failed; retrying");
                }
                answered = false;
            }
        }
        tokio::select! {
            // `office` owns the channel's sender and is borrowed here, so the channel never closes.
            _ = followed.changed() => {}
            () = sleep(ROOMS_FOLLOWED_EVERY) => {}
        }
    }
}

/// Updates the screening of every open room. Reads only screenings that are not cached, so this costs the store one
/// call after a change of the programme and none otherwise. A room whose screening was deleted is closed: its viewers
/// reconnect and get 404.
async fn show_current(hub: &Hub, office: &BoxOffice) -> Backend<()> {
    let rooms: Vec<_> = hub.rooms().into_iter().filter_map(|room| room.screening().map(|open| (room, open))).collect();
    // Update the rooms from memory first, so that sales close in time even if the store fails.
    for (room, open) in &rooms {
        room.set_screening(open, office.now());
    }
    for rooms in rooms.chunks(STATES_PER_CALL_MAX) {
        let ids: Vec<ScreeningId> = rooms.iter().map(|(room, _)| room.id).collect();
        let found = office.find_screenings(&ids).await?;
        let found: HashMap<ScreeningId, SharedScreening> =
            found.into_iter().map(|open| (open.screening.id, open)).collect();
        for (room, _) in rooms {
            match found.get(&room.id) {
                Some(open) => room.set_screening(open, office.now()),
                None => room.close(),
            }
        }
    }
    Ok(())
}
