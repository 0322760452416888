//! Payments and their state machine.
//!
//! ```text
//!            confirm              authorised, committed
//! PENDING ─────────────▶ CONFIRMING ─────────────────▶ SUCCEEDED ──▶ REFUNDED
//!    │  │                  │     │  declined
//!    │  └ cancel ▶ CANCELLED     └──────────▶ DECLINED
//!    └ its expiry ▶ EXPIRED ◀── outcome unknown for ten minutes, voided
//! ```
//! A payment that ended without a sale may still succeed late at the provider. Then its seats are sold if they are
//! free, else the money is refunded (`REFUNDED`).

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use strum::{AsRefStr, EnumString, VariantArray, VariantNames};

use crate::{
    ids::{BookingId, PaymentId, PersonId, ScreeningId, SeatId},
    money::Money,
};

/// How long the provider is polled for an outcome before the payment is voided or refunded.
pub const CONFIRMING_FOR_MAX: SignedDuration = SignedDuration::from_mins(10);

/// A method of payment, in the order in which the page offers them.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, AsRefStr, EnumString, VariantArray, VariantNames,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum PaymentMethod {
    /// A PromptPay QR code.
    Promptpay,
    /// A card at the mock provider.
    MockCard,
}

impl PaymentMethod {
    /// All values.
    pub const ALL: &'static [Self] = <Self as VariantArray>::VARIANTS;
    /// The method that is stored with a free payment, which needs none: rows and documents have a method, and older servers
    /// cannot read them without one. With this one an older server shows no code to pay 0 baht.
    pub const STORED_WHEN_FREE: Self = Self::MockCard;
}

/// The state of a payment.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, AsRefStr, EnumString, VariantArray, VariantNames,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum PaymentStatus {
    /// The payer has not confirmed yet. The payment's claims expire with the payment.
    Pending,
    /// The provider is queried for the outcome. The payment's claims do not expire.
    Confirming,
    /// The seats are sold.
    Succeeded,
    /// The provider declined the payment.
    Declined,
    /// The payer cancelled the payment.
    Cancelled,
    /// The payment expired, or its outcome stayed unknown for too long.
    Expired,
    /// The money was taken and returned.
    Refunded,
}

impl PaymentStatus {
    /// All values.
    pub const ALL: &'static [Self] = <Self as VariantArray>::VARIANTS;

    /// Whether a payment in this state has claims, so that nobody else may claim or buy its seats.
    #[must_use]
    pub const fn holds_claims(self) -> bool {
        matches!(self, Self::Pending | Self::Confirming)
    }

    /// Whether a payment in this state ended without a sale and without money. It may still succeed late.
    #[must_use]
    pub const fn is_ended_unpaid(self) -> bool {
        matches!(self, Self::Declined | Self::Cancelled | Self::Expired)
    }

    /// Whether a payment in this state may move to `next`.
    #[must_use]
    pub const fn may_become(self, next: Self) -> bool {
        use PaymentStatus::{Cancelled, Confirming, Declined, Expired, Pending, Refunded, Succeeded};
        match self {
            Pending => matches!(next, Confirming | Cancelled | Expired | Succeeded),
            Confirming => matches!(next, Succeeded | Declined | Expired | Refunded),
            // The provider may report late that it has taken the money.
            Declined | Cancelled | Expired => matches!(next, Succeeded | Refunded),
            Succeeded => matches!(next, Refunded),
            Refunded => false,
        }
    }
}

/// The outcome that the payer's confirmation asks for. It decides the mock provider's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, AsRefStr, EnumString, VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum ConfirmOutcome {
    /// Pay.
    Success,
    /// Let the provider decline.
    Decline,
}

/// The call of the provider that is left after the payment's outcome is decided. Repeated until it succeeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, AsRefStr, EnumString)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum MoneyTask {
    /// Capture the authorised money.
    Capture,
    /// Return the money: void an authorisation, refund a capture.
    GiveBack,
}

/// A seat and its price when the payment started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PricedSeat {
    /// The seat.
    pub id: SeatId,
    /// The kind of the seat.
    pub kind: crate::seating::SeatKind,
    /// The price of the seat.
    pub price: Money,
}

/// One attempt to pay for the seats of one hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment {
    /// Id of the payment.
    pub id: PaymentId,
    /// The screening.
    pub screening_id: ScreeningId,
    /// The payer.
    pub person_id: PersonId,
    /// The payment method as it is stored; [`Payment::needed_method`] is the one to pay by.
    pub method: PaymentMethod,
    /// The payment's state.
    pub status: PaymentStatus,
    /// The seats, sorted; never empty.
    pub seats: Vec<PricedSeat>,
    /// The total price.
    pub amount: Money,
    /// When it was started.
    pub created_at: Timestamp,
    /// When the payment expires, unless it is CONFIRMING by then.
    pub expires_at: Timestamp,
    /// When the payment became CONFIRMING.
    pub confirming_since: Option<Timestamp>,
    /// The outcome that the payer's confirmation asked for.
    pub outcome: Option<ConfirmOutcome>,
    /// The provider call that remains, if any.
    pub money_task: Option<MoneyTask>,
    /// Id of the booking, once the payment has succeeded.
    pub booking_id: Option<BookingId>,
}

impl Payment {
    /// Whether there is nothing to pay. The provider is never asked about such a payment: it is confirmed by the payer alone.
    #[must_use]
    pub const fn is_free(&self) -> bool {
        self.amount.is_zero()
    }

    /// How the payment is to be paid; `None` when there is nothing to pay.
    #[must_use]
    pub fn needed_method(&self) -> Option<PaymentMethod> {
        (!self.is_free()).then_some(self.method)
    }

    /// Whether the payment is PENDING past its expiry (overdue).
    #[must_use]
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.status == PaymentStatus::Pending && now >= self.expires_at
    }

    /// Whether a success that the provider reports at `now` is late: the payment ended unpaid or is overdue. A late
    /// payment buys seats only while sales are open.
    #[must_use]
    pub fn is_late(&self, now: Timestamp) -> bool {
        self.status.is_ended_unpaid() || self.is_overdue(now)
    }

    /// The ids of the payment's seats.
    #[must_use]
    pub fn seat_ids(&self) -> Vec<SeatId> {
        self.seats.iter().map(|seat| seat.id).collect()
    }

    /// Whether the payment expired after its confirmation had begun. The provider was then asked to return the money,
    /// so the seats are never sold, even if the provider reports late that it took money.
    #[must_use]
    pub fn is_given_up(&self) -> bool {
        self.status == PaymentStatus::Expired && self.confirming_since.is_some()
    }

    /// Whether the payment has been CONFIRMING for [`CONFIRMING_FOR_MAX`] or longer.
    #[must_use]
    pub fn is_confirmed_too_long(&self, now: Timestamp) -> bool {
        let since = self.confirming_since.filter(|_| self.status == PaymentStatus::Confirming);
        since.is_some_and(|since| now.duration_since(since) >= CONFIRMING_FOR_MAX)
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn payment_status_allows_exactly_the_documented_transitions() {
        let mut table = String::new();
        for from in PaymentStatus::ALL {
            let to: Vec<_> = PaymentStatus::ALL.iter().filter(|to| from.may_become(**to)).map(|s| s.as_ref()).collect();
            table += &format!("{:<10} -> {}\n", from.as_ref(), to.join(" "));
        }
        expect![[r#"
            PENDING    -> CONFIRMING SUCCEEDED CANCELLED EXPIRED
            CONFIRMING -> SUCCEEDED DECLINED EXPIRED REFUNDED
            SUCCEEDED  -> REFUNDED
            DECLINED   -> SUCCEEDED REFUNDED
            CANCELLED  -> SUCCEEDED REFUNDED
            EXPIRED    -> SUCCEEDED REFUNDED
            REFUNDED   -> 
        "#]]
        .assert_eq(&table);
    }

    #[test]
    fn status_and_method_round_trip_through_their_names() {
        for &status in PaymentStatus::ALL {
            assert_eq!(status.as_ref().parse(), Ok(status));
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_ref());
        }
        for &method in PaymentMethod::ALL {
            assert_eq!(method.as_ref().parse(), Ok(method));
            assert_eq!(serde_json::to_value(method).unwrap(), method.as_ref());
        }
    }
}
