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
    /// The screening.
    #[schema(value_type = String)]
    pub screening_id: ScreeningId,
    /// Sequence of the screening at which this hold was read, the same numbering as in the frames of `/api/ws`: of two holds
    /// the one with the greater number is newer.
    pub seq: i64,
    /// The seats, in order.
    #[schema(value_type = Vec<String>, example = json!(["A1", "A2"]))]
    pub seat_ids: Vec<QuickSeat>,
    /// The same seats with the expiry of each lock.
    pub seats: Vec<HeldSeat>,
    /// When the first lock expires; null when no seat is held.
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
    /// When its lock expires.
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
