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
    use std::{borrow::Cow, collections::BTreeMap};

    use seatkeeper_core::{
        booking::BookingStatus,
        catalogue::ScreeningState,
        event::EventKind,
        invalid::Rule,
        money::Currency,
        payment::{ConfirmOutcome, PaymentMethod, PaymentStatus},
        person::{Language, Role},
        ports::MailStatus,
        seating::SeatKind,
    };
    use strum::VariantNames;
    use utoipa::{
        PartialSchema, ToSchema,
        openapi::{ObjectBuilder, RefOr, Schema, Type},
    };

    /// Schemas of core enums: the shape's type, the schema's name, the enum and a description.
    macro_rules! enum_shapes {
        ($($shape:ident $name:literal $names:ty: $description:literal;)*) => {$(
            #[doc = $description]
            pub struct $shape;

            impl PartialSchema for $shape {
                fn schema() -> RefOr<Schema> {
                    let schema = ObjectBuilder::new().schema_type(Type::String).description(Some($description));
                    schema.enum_values(Some(<$names as VariantNames>::VARIANTS.iter().copied())).into()
                }
            }

            impl ToSchema for $shape {
                fn name() -> Cow<'static, str> {
                    $name.into()
                }
            }
        )*};
    }

    enum_shapes! {
        CurrencyShape "Currency" Currency: "An ISO 4217 currency code.";
        SeatKindShape "SeatKind" SeatKind:
            "Kind of a seat. A pair is one seat for two people, sold, counted and priced as one.";
        ScreeningStateShape "ScreeningState" ScreeningState: "Whether tickets for a screening can be bought.";
        PaymentMethodShape "PaymentMethod" PaymentMethod: "A payment method.";
        PaymentStatusShape "PaymentStatus" PaymentStatus: "Status of a payment.";
        ConfirmOutcomeShape "ConfirmOutcome" ConfirmOutcome: "The outcome that a confirmation requests from the mock provider.";
        BookingStatusShape "BookingStatus" BookingStatus: "Status of a booking: whether its tickets are valid.";
        MailStatusShape "MailStatus" MailStatus: "Status of a mail.";
        EventTypeShape "EventType" EventKind: "The type of an event.";
        RuleShape "Rule" Rule: "A rule that a field broke. Its parameters are in `params`.";
        LanguageShape "Language" Language: "A language of the page and of mails.";
        RoleShape "Role" Role: "Role of a person, which decides what the person may do.";
    }

    /// Money in whole minor units: 20000 is 200 baht.
    #[derive(ToSchema)]
    #[schema(as = Money)]
    pub struct MoneyShape {
        /// Satang.
        #[schema(example = 20000, minimum = 0)]
        pub amount: i64,
        /// ISO 4217.
        pub currency: CurrencyShape,
    }

    /// A drawing of a hall: at most 60 rows of 100 cells, at least one seat.
    #[derive(ToSchema)]
    #[schema(as = Layout)]
    pub struct LayoutShape {
        /// From the screen to the back.
        pub rows: Vec<LayoutRowShape>,
    }

    /// A row of a hall. Its seats are numbered from 1, gaps not counted; a seat's id is label and number: `A1`.
    #[derive(ToSchema)]
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
    #[derive(ToSchema)]
    #[schema(as = Prices)]
    pub struct PricesShape(pub BTreeMap<String, MoneyShape>);
}

#[cfg(test)]
mod tests {
    use seatkeeper_core::{
        booking::BookingStatus,
        money::Currency,
        payment::{ConfirmOutcome, PaymentMethod, PaymentStatus},
        person::{Language, Role},
        ports::MailStatus,
        seating::SeatKind,
    };
    use serde::de::DeserializeOwned;
    use strum::VariantNames;

    use super::*;

    fn names_in_json<T: VariantNames + Serialize + DeserializeOwned>() -> Vec<String> {
        let read = |name: &&str| serde_json::from_value::<T>((*name).into()).unwrap();
        T::VARIANTS.iter().map(read).map(|value| serde_json::from_value(serde_json::json!(value)).unwrap()).collect()
    }

    #[test]
    fn enums_have_the_same_names_in_openapi_and_in_json() {
        assert_eq!(names_in_json::<Currency>(), Currency::VARIANTS);
        assert_eq!(names_in_json::<SeatKind>(), SeatKind::VARIANTS);
        assert_eq!(names_in_json::<PaymentMethod>(), <PaymentMethod as VariantNames>::VARIANTS);
        assert_eq!(names_in_json::<PaymentStatus>(), <PaymentStatus as VariantNames>::VARIANTS);
        assert_eq!(names_in_json::<ConfirmOutcome>(), ConfirmOutcome::VARIANTS);
        assert_eq!(names_in_json::<BookingStatus>(), BookingStatus::VARIANTS);
        assert_eq!(names_in_json::<MailStatus>(), MailStatus::VARIANTS);
        assert_eq!(names_in_json::<Language>(), <Language as VariantNames>::VARIANTS);
        assert_eq!(names_in_json::<Role>(), Role::VARIANTS);
    }
}
