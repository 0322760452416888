//! Sends viewers the changes of their screening itself, including the close of sales.
//!
//! Every server polls the programme's revision once a second; a server that makes a change does so at once. When the revision
//! has grown, the cache of screenings is invalidated and this task notified: it reads the screenings of all open rooms in one
//! call. It also runs once a second, for sales that close by time and for rooms that were opened with an older copy.

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
            // The sender lives in the office, which is borrowed here, so the channel never closes.
            _ = followed.changed() => {}
            () = sleep(ROOMS_FOLLOWED_EVERY) => {}
        }
    }
}

/// Updates the screening of every open room. Cached screenings are not read again, so this costs the store one call after a
/// change of the programme and none otherwise. A room whose screening was deleted is closed: its viewers reconnect and get 404.
async fn show_current(hub: &Hub, office: &BoxOffice) -> Backend<()> {
    let rooms: Vec<_> = hub.rooms().into_iter().filter_map(|room| room.screening().map(|open| (room, open))).collect();
    // First from memory, so that sales close in time even if the store fails.
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
