//! Live seat maps: a room for each screening that somebody watches.
//!
//! A room subscribes to the screening's changes, waits for the confirmation, *then* takes a snapshot, then applies what is
//! newer ([`room_task`]). Viewers get the same bytes ([`frames`]) from one queue ([`room`]); what comes fast goes together
//! ([`board`]); who falls behind starts over from a snapshot ([`socket`]); nobody waits for them. Once a second the
//! sequences of all rooms are compared with the lock store's ([`compare`]), because a live frame may be lost.
//! What changes of a screening itself (times, hall, prices, state) reaches its viewers through [`follow`].
//!
//! A signed-in viewer's own hold and payments go through a queue of that person ([`people`]), never through the room's.

mod admission;
mod board;
mod compare;
mod counts;
mod follow;
mod frames;
mod get_seats;
mod hold_reads;
mod hub;
mod limits;
mod people;
mod room;
mod room_task;
mod seat_map;
mod socket;
mod sources;
#[cfg(test)]
mod tests;
mod watch;

use utoipa_axum::{router::OpenApiRouter, routes};

pub use hub::Rooms;
pub use limits::{
    CLIENT_MESSAGE_BYTES_MAX, LIVE_QUEUE_FRAMES_MAX, LIVE_ROOMS_MAX, LIVE_SOCKETS_MAX, LIVE_SOCKETS_PER_ADDRESS_MAX,
    LiveLimits,
};

use crate::state::App;

/// `GET /api/ws` and `GET /api/screenings/{id}/seats`.
#[must_use]
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(watch::watch_screening)).routes(routes!(get_seats::list_seats))
}
