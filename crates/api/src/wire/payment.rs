//! Payments.

use jiff::Timestamp;
use seatkeeper_core::{
    ids::{BookingId, PaymentId, ScreeningId, SeatId},
    money::Money,
    payment::{self, PaymentMethod, PaymentStatus},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{MoneyShape, PaymentMethodShape, PaymentStatusShape};

/// One attempt to pay for the seats of one hold.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Payment {
    /// Its id.
    #[schema(value_type = String)]
    pub id: PaymentId,
    /// The screening.
    #[schema(value_type = String)]
    pub screening_id: ScreeningId,
    /// Its status.
    #[schema(value_type = PaymentStatusShape)]
    pub status: PaymentStatus,
    /// How; null when there is nothing to pay.
    #[schema(value_type = Option<PaymentMethodShape>, required = true)]
    pub method: Option<PaymentMethod>,
    /// The sum.
    #[schema(value_type = MoneyShape)]
    pub amount: Money,
    /// The seats, in order.
    #[schema(value_type = Vec<String>, example = json!(["A1", "A2"]))]
    pub seat_ids: Vec<SeatId>,
    /// When it expires unless it is being confirmed.
    #[serde(with = "seatkeeper_core::time_text")]
    pub expires_at: Timestamp,
    /// What the payer has to do, while it is PENDING; null when there is nothing to do.
    #[schema(required = true)]
    pub action: Option<PaymentAction>,
    /// The sale, once it SUCCEEDED.
    #[schema(value_type = Option<String>, required = true)]
    pub booking_id: Option<BookingId>,
}

impl Payment {
    pub(crate) fn new(payment: &payment::Payment, action: Option<PaymentAction>) -> Self {
        Self {
            id: payment.id,
            screening_id: payment.screening_id,
            status: payment.status,
            method: payment.needed_method(),
            amount: payment.amount,
            seat_ids: payment.seat_ids(),
            expires_at: payment.expires_at,
            action,
            booking_id: payment.booking_id,
        }
    }
}

/// What the payer has to do.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PaymentAction {
    /// What kind of thing it is.
    pub r#type: ActionKind,
    /// What the code says, to be copied into a banking app.
    #[schema(example = "00020101021229370016A000000677010111…")]
    pub payload: String,
    /// The code as a picture.
    #[schema(example = "<svg …>")]
    pub svg: String,
}

/// A kind of action.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ActionKind {
    /// Scan this PromptPay code.
    PromptpayQr,
}
