//! A person's hold in HTTP answers and live frames.

use seatkeeper_core::{
    ids::{PaymentId, ScreeningId},
    locks,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{QuickSeat, QuickTime, wire_seq};

/// All that a person holds at a screening.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Hold {
    /// Where.
    #[schema(value_type = String)]
    pub screening_id: ScreeningId,
    /// The screening's sequence of which this is true, the same numbering as in the frames of `/api/ws`: of two holds the
    /// one with the greater number is newer.
    pub seq: i64,
    /// Which, in order.
    #[schema(value_type = Vec<String>, example = json!(["A1", "A2"]))]
    pub seat_ids: Vec<QuickSeat>,
    /// The same with their times.
    pub seats: Vec<HeldSeat>,
    /// When the first of them comes back; null when none is held.
    #[schema(value_type = Option<jiff::Timestamp>, required = true)]
    pub expires_at: Option<QuickTime>,
    /// The payment in progress, if there is one: meanwhile seats cannot be changed.
    #[schema(value_type = Option<String>, required = true)]
    pub payment_id: Option<PaymentId>,
}

/// A held seat.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HeldSeat {
    /// The seat.
    #[schema(value_type = String, example = "A1")]
    pub id: QuickSeat,
    /// When it comes back by itself.
    #[schema(value_type = jiff::Timestamp)]
    pub expires_at: QuickTime,
}

impl Hold {
    /// A hold at this screening.
    pub(crate) fn of(screening_id: ScreeningId, hold: &locks::Hold) -> Self {
        let seat = |held: &locks::HeldSeat| HeldSeat { id: QuickSeat(held.id), expires_at: QuickTime(held.until) };
        Self {
            screening_id,
            seq: wire_seq(hold.seq),
            seat_ids: hold.seats.iter().map(|held| QuickSeat(held.id)).collect(),
            seats: hold.seats.iter().map(seat).collect(),
            expires_at: hold.expires_at().map(QuickTime),
            payment_id: hold.payment,
        }
    }
}
