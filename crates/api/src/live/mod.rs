//! Live seat maps: one room for each screening that has viewers.
//!
//! A room subscribes to the screening's live changes in the lock store, waits for the confirmation, *then* reads a
//! snapshot and applies every newer change ([`room_task`]). All viewers get the same bytes ([`frames`]) from one
//! broadcast queue ([`room`]); rapid changes are batched into one frame ([`board`]); a socket that lags gets a new
//! snapshot ([`socket`]) and never delays other sockets. A live change may be lost, so once a second the sequence
//! numbers of all rooms are compared with the lock store's ([`compare`]). Changes of the screening itself (times, hall,
//! prices, state) reach its viewers through [`follow`].
//!
//! Frames about a signed-in viewer's own hold (the seats that the person has locked) and payments go through a separate
//! queue for that person ([`people`]), never through the room's queue.

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
    LIVE_SOCKETS_PER_NETWORK_MAX, LiveLimits,
};

use crate::state::App;

/// `GET /api/ws` and `GET /api/screenings/{id}/seats`.
#[must_use]
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(watch::watch_screening)).routes(routes!(get_seats::list_seats))
}
