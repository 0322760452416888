//! Live seat maps.

use std::sync::Arc;

use seatkeeper_core::{box_office::BoxOffice, catalogue::SharedScreening, locks::SeatSnapshot, ports::Backend};
use utoipa_axum::router::OpenApiRouter;

use crate::state::App;

/// A room for each screening that somebody watches.
pub struct Rooms {
    _office: Arc<BoxOffice>,
}

impl Rooms {
    /// None yet.
    #[must_use]
    pub fn new(office: &Arc<BoxOffice>) -> Self {
        Self { _office: Arc::clone(office) }
    }

    /// The map of a screening, from the room when it is open.
    ///
    /// # Errors
    /// The lock store or the store does not answer.
    pub async fn seat_map(&self, _: &SharedScreening) -> Backend<SeatSnapshot> {
        Ok(SeatSnapshot::default())
    }

    /// How many seats of each screening can be bought just now, in the same order; up to 2 s old.
    ///
    /// # Errors
    /// The lock store or the store does not answer.
    pub async fn seats_available(&self, screenings: &[SharedScreening]) -> Backend<Vec<u32>> {
        Ok(vec![0; screenings.len()])
    }
}

/// `GET /api/ws` and `GET /api/screenings/{id}/seats`.
#[must_use]
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
}
