//! Follows the screenings of the open rooms: tells viewers what has changed of them, and that sales have closed.
//!
//! Every server polls the programme's revision once a second, and the one that made a change does so at once; each time its
//! cache of screenings is cleared, and this task hears of it. It then reads the screenings of all open rooms in one call. It looks
//! again once a second, for sales that have closed and for rooms that were opened with an older copy.

use std::collections::HashMap;

use seatkeeper_core::{box_office::BoxOffice, catalogue::SharedScreening, ids::ScreeningId, ports::Backend};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{
    hub::{Hub, Rooms},
    limits::{ROOMS_FOLLOWED_EVERY, STATES_PER_CALL_MAX},
};

impl Rooms {
    /// Follows until `stop` is cancelled.
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
                    tracing::warn!(part = error.part, error = %error.source, "watched screenings cannot be read");
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

/// Shows every open room its screening as it is now. What is in the cache is not read again, so this costs the store one call
/// after a change of the programme and none otherwise. A room whose screening was deleted is closed: its viewers reconnect,
/// and hear that there is none.
async fn show_current(hub: &Hub, office: &BoxOffice) -> Backend<()> {
    let rooms: Vec<_> = hub.rooms().into_iter().filter_map(|room| room.screening().map(|open| (room, open))).collect();
    // Sales close in time whether or not the store answers.
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
