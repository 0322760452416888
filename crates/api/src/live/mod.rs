//! Live seat maps: one room for each screening that has viewers.
//!
//! A room subscribes to the screening's live changes, waits for the confirmation, *then* takes a snapshot and applies every
//! newer change ([`room_task`]). All viewers get the same bytes ([`frames`]) from one broadcast queue ([`room`]); rapid changes
//! are batched into one frame ([`board`]); a socket that lags starts over from a snapshot ([`socket`]) and never delays others.
//! Once a second the sequences of all rooms are compared with the lock store's ([`compare`]): a live change may be lost.
//! Changes of the screening itself (times, hall, prices, state) reach its viewers through [`follow`].
//!
//! A signed-in viewer's own hold and payments go through that person's own queue ([`people`]), never through the room's.

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
