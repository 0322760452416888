//! JSON types that several resources share, and the OpenAPI schemas of core types.

use seatkeeper_core::ports::Page;
use serde::Serialize;
use utoipa::ToSchema;

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct List<T> {
    /// In the list's order.
    pub items: Vec<T>,
    /// Give this as `cursor` for the next page; null at the end.
    #[schema(required = true)]
    pub next_cursor: Option<String>,
}

impl<T> List<T> {
    /// Converts a page of the store.
    #[must_use]
    pub fn of<U>(page: Page<U>, shape: impl FnMut(U) -> T) -> Self {
        let next_cursor = page.next.map(|cursor| cursor.to_string());
        Self { items: page.items.into_iter().map(shape).collect(), next_cursor }
    }

    /// A complete list, without further pages.
    #[must_use]
    pub fn whole(items: Vec<T>) -> Self {
        Self { items, next_cursor: None }
    }
}

mod booking;
pub(crate) mod hold;
mod payment;
mod quick;
mod screening;
mod seq;

pub(crate) use booking::Booking;
pub(crate) use hold::Hold;
pub(crate) use payment::{ActionKind, Payment, PaymentAction};
pub use quick::{QuickSeat, QuickTime};
pub(crate) use screening::{Screening, ScreeningDetail};
pub use seq::wire_seq;
pub use shapes::*;

/// OpenAPI schemas of core types, which do not depend on `utoipa`.
mod shapes {
    use std::collections::BTreeMap;

    use serde::Serialize;
    use utoipa::ToSchema;

    /// Money in whole minor units: 20000 is 200 baht.
    #[derive(Serialize, ToSchema)]
    #[schema(as = Money)]
    pub struct MoneyShape {
        /// Satang.
        #[schema(example = 20000, minimum = 0)]
        pub amount: i64,
        /// ISO 4217.
        pub currency: CurrencyShape,
    }

    /// A currency.
    #[derive(Serialize, ToSchema)]
    #[schema(as = Currency)]
    pub enum CurrencyShape {
        /// Thai baht.
        #[serde(rename = "THB")]
        Thb,
    }

    /// What stands in a place of the hall. A pair is one seat for two people, sold, counted and priced as one.
    #[derive(Serialize, ToSchema)]
    #[schema(as = SeatKind)]
    #[serde(rename_all = "snake_case")]
    pub enum SeatKindShape {
        /// An ordinary seat.
        Seat,
        /// A sofa for two.
        Pair,
        /// A place for a wheelchair.
        Wheelchair,
        /// The seat beside it.
        Companion,
        /// Not for sale.
        Blocked,
    }

    /// A drawing of a hall: at most 60 rows of 100 cells, at least one seat.
    #[derive(Serialize, ToSchema)]
    #[schema(as = Layout)]
    pub struct LayoutShape {
        /// From the screen to the back.
        pub rows: Vec<LayoutRowShape>,
    }

    /// A row of a hall. Its seats are numbered from 1, gaps not counted; a seat's id is label and number: `A1`.
    #[derive(Serialize, ToSchema)]
    #[schema(as = LayoutRow)]
    pub struct LayoutRowShape {
        /// 1–3 letters, unique in the hall.
        #[schema(example = "A", pattern = "^[A-Za-z]{1,3}$")]
        pub label: String,
        /// The price category of its seats.
        #[schema(required = false, default = "standard", example = "standard")]
        pub category: String,
        /// Seats and gaps (`null`) from left to right.
        pub cells: Vec<Option<SeatKindShape>>,
    }

    /// A price for each category of the hall.
    #[derive(Serialize, ToSchema)]
    #[schema(as = Prices)]
    pub struct PricesShape(pub BTreeMap<String, MoneyShape>);

    /// Whether tickets for a screening can be bought.
    #[derive(Serialize, ToSchema)]
    #[schema(as = ScreeningState)]
    #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
    pub enum ScreeningStateShape {
        /// They can.
        OnSale,
        /// Sales are over.
        Closed,
        /// It will not be shown.
        Cancelled,
    }

    /// How somebody pays.
    #[derive(Serialize, ToSchema)]
    #[schema(as = PaymentMethod)]
    #[serde(rename_all = "snake_case")]
    pub enum PaymentMethodShape {
        /// A card at the mock provider.
        MockCard,
        /// A PromptPay QR code.
        Promptpay,
    }

    /// Where a payment stands.
    #[derive(Serialize, ToSchema)]
    #[schema(as = PaymentStatus)]
    #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
    pub enum PaymentStatusShape {
        /// Waiting for the payer.
        Pending,
        /// The provider is being asked.
        Confirming,
        /// Sold.
        Succeeded,
        /// The provider declined it.
        Declined,
        /// The payer changed their mind.
        Cancelled,
        /// It expired.
        Expired,
        /// Money was taken and given back.
        Refunded,
    }

    /// What the payer's confirmation asks of the mock provider.
    #[derive(Serialize, ToSchema)]
    #[schema(as = ConfirmOutcome)]
    #[serde(rename_all = "snake_case")]
    pub enum ConfirmOutcomeShape {
        /// Pay.
        Success,
        /// Let the provider say no.
        Decline,
    }

    /// Whether the tickets are valid.
    #[derive(Serialize, ToSchema)]
    #[schema(as = BookingStatus)]
    #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
    pub enum BookingStatusShape {
        /// They are.
        Confirmed,
        /// The money went back.
        Refunded,
    }

    /// Where a mail stands.
    #[derive(Serialize, ToSchema)]
    #[schema(as = MailStatus)]
    #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
    pub enum MailStatusShape {
        /// To be sent, or sent again.
        Pending,
        /// The mail server took it.
        Sent,
        /// Not tried again unless somebody asks.
        Failed,
    }

    /// The type of an event.
    #[derive(Serialize, ToSchema)]
    #[schema(as = EventType)]
    #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
    pub enum EventTypeShape {
        /// Seats were sold: `{booking_id, code, payment_id, seat_ids, total}`.
        BookingSuccess,
        /// A payment ran out of time: `{payment_id, seat_ids}`.
        BookingTimeout,
        /// Locks ended without a sale: `{seat_ids, reason}`.
        SeatReleased,
        /// Money went back: `{payment_id, booking_id, amount, reason}`.
        PaymentRefunded,
        /// Something went wrong inside: `{code, place, count}`.
        SystemError,
        /// An administrator's change, a sign-in, a refused attempt: `{action, subject, details}`.
        AuditLog,
    }

    /// A language of the page and of mails.
    #[derive(Serialize, ToSchema)]
    #[schema(as = Language)]
    #[serde(rename_all = "snake_case")]
    pub enum LanguageShape {
        /// Thai.
        Th,
        /// English.
        En,
    }

    /// What somebody may do.
    #[derive(Serialize, ToSchema)]
    #[schema(as = Role)]
    #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
    pub enum RoleShape {
        /// Everything.
        Admin,
        /// Buy tickets.
        User,
    }
}
