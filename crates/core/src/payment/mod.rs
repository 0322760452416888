//! A payment: what it is, and which moves it allows.
//!
//! ```text
//!            confirm              authorised, committed
//! PENDING ─────────────▶ CONFIRMING ─────────────────▶ SUCCEEDED ──▶ REFUNDED
//!    │  │                  │     │  declined
//!    │  └ cancel ▶ CANCELLED     └──────────▶ DECLINED
//!    └ time is up ▶ EXPIRED ◀── outcome unknown for ten minutes, voided
//! ```
//! A payment that is over without a sale may still learn that money was taken: then its seats are sold to it if they are
//! free, else the money goes back (`REFUNDED`).

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    ids::{BookingId, PaymentId, PersonId, ScreeningId, SeatId},
    money::Money,
};

/// How long the provider is asked for an outcome before the payment is voided or refunded.
pub const CONFIRMING_FOR_MAX: SignedDuration = SignedDuration::from_mins(10);

/// How somebody pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentMethod {
    /// A card at the mock provider.
    MockCard,
    /// A PromptPay QR code.
    Promptpay,
}

impl PaymentMethod {
    /// All of them, in the order in which the page offers them.
    pub const ALL: [Self; 2] = [Self::Promptpay, Self::MockCard];

    /// Its name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MockCard => "mock_card",
            Self::Promptpay => "promptpay",
        }
    }

    /// The method of this name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == text)
    }
}

/// Where a payment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PaymentStatus {
    /// Waiting for the payer; its claims run out with its time.
    Pending,
    /// The provider is being asked; its claims do not run out.
    Confirming,
    /// Sold.
    Succeeded,
    /// The provider said no.
    Declined,
    /// The payer changed their mind.
    Cancelled,
    /// Its time was up.
    Expired,
    /// Money was taken and given back.
    Refunded,
}

impl PaymentStatus {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Pending,
        Self::Confirming,
        Self::Succeeded,
        Self::Declined,
        Self::Cancelled,
        Self::Expired,
        Self::Refunded,
    ];

    /// Its name on the wire and in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Confirming => "CONFIRMING",
            Self::Succeeded => "SUCCEEDED",
            Self::Declined => "DECLINED",
            Self::Cancelled => "CANCELLED",
            Self::Expired => "EXPIRED",
            Self::Refunded => "REFUNDED",
        }
    }

    /// The status of this name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    /// Whether its claims stand: nobody else may claim or buy its seats.
    #[must_use]
    pub const fn holds_claims(self) -> bool {
        matches!(self, Self::Pending | Self::Confirming)
    }

    /// Whether it ended without a sale and without money: money that the provider reports from now on is late.
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
            // The provider says late that it took money.
            Declined | Cancelled | Expired => matches!(next, Succeeded | Refunded),
            Succeeded => matches!(next, Refunded),
            Refunded => false,
        }
    }
}

/// What the payer's own confirmation said; at the mock provider it decides the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConfirmOutcome {
    /// Pay.
    Success,
    /// Let the provider say no.
    Decline,
}

impl ConfirmOutcome {
    /// Its name on the wire and in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Decline => "decline",
        }
    }

    /// The outcome of this name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Success, Self::Decline].into_iter().find(|outcome| outcome.as_str() == text)
    }
}

/// What is still to be done about the money after the payment's outcome is decided. Repeated until the provider has
/// taken it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MoneyTask {
    /// Take what was authorised.
    Capture,
    /// Give back whatever was authorised or taken: void, or refund when it was captured.
    GiveBack,
}

impl MoneyTask {
    /// Its name in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Capture => "capture",
            Self::GiveBack => "give_back",
        }
    }

    /// The task of this name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Capture, Self::GiveBack].into_iter().find(|task| task.as_str() == text)
    }
}

/// One seat at its price on the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PricedSeat {
    /// The seat.
    pub id: SeatId,
    /// What it is.
    pub kind: crate::seating::SeatKind,
    /// What it costs.
    pub price: Money,
}

/// One attempt to pay for the seats of one hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment {
    /// Its id.
    pub id: PaymentId,
    /// What for.
    pub screening_id: ScreeningId,
    /// Whose.
    pub person_id: PersonId,
    /// How.
    pub method: PaymentMethod,
    /// Where it stands.
    pub status: PaymentStatus,
    /// In order of seat; never empty.
    pub seats: Vec<PricedSeat>,
    /// The sum.
    pub amount: Money,
    /// When it was started.
    pub created_at: Timestamp,
    /// When it ends unless it is being confirmed.
    pub expires_at: Timestamp,
    /// When its confirmation began.
    pub confirming_since: Option<Timestamp>,
    /// What the payer's confirmation said.
    pub outcome: Option<ConfirmOutcome>,
    /// What is still to be done about the money.
    pub money_task: Option<MoneyTask>,
    /// The sale, once it succeeded.
    pub booking_id: Option<BookingId>,
}

impl Payment {
    /// Whether its time is up and nobody has asked the provider.
    #[must_use]
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.status == PaymentStatus::Pending && now >= self.expires_at
    }

    /// Whether money that comes now is late: it ended unpaid, or its time is up. Late money buys only while sales are open.
    #[must_use]
    pub fn is_late(&self, now: Timestamp) -> bool {
        self.status.is_ended_unpaid() || self.is_overdue(now)
    }

    /// Its seats' names.
    #[must_use]
    pub fn seat_ids(&self) -> Vec<SeatId> {
        self.seats.iter().map(|seat| seat.id).collect()
    }

    /// Whether its confirmation was given up: the provider has been told to give the money back, so it is never sold, also
    /// when the provider says late that it took some.
    #[must_use]
    pub fn is_given_up(&self) -> bool {
        self.status == PaymentStatus::Expired && self.confirming_since.is_some()
    }

    /// Whether the provider has been asked for longer than it may take.
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
    fn the_moves_of_a_payment() {
        let mut table = String::new();
        for from in PaymentStatus::ALL {
            let to: Vec<_> =
                PaymentStatus::ALL.into_iter().filter(|to| from.may_become(*to)).map(|s| s.as_str()).collect();
            table += &format!("{:<10} -> {}\n", from.as_str(), to.join(" "));
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
    fn names_survive_the_store() {
        for status in PaymentStatus::ALL {
            assert_eq!(PaymentStatus::parse(status.as_str()), Some(status));
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
        for method in PaymentMethod::ALL {
            assert_eq!(PaymentMethod::parse(method.as_str()), Some(method));
            assert_eq!(serde_json::to_value(method).unwrap(), method.as_str());
        }
    }
}
