//! Money as whole minor units (satang) with a currency.

use serde::{Deserialize, Serialize};
use strum::{AsRefStr, VariantNames};

/// The highest price of one seat, in satang.
pub const PRICE_SATANG_MAX: i64 = 10_000_000;

/// A currency by its ISO 4217 code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, AsRefStr, VariantNames)]
#[serde(rename_all = "UPPERCASE")]
#[strum(serialize_all = "UPPERCASE")]
pub enum Currency {
    /// Thai baht, 100 satang.
    Thb,
}

/// An amount of money: `{"amount": 20000, "currency": "THB"}` is 200 baht.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money {
    /// The amount in minor units.
    pub amount: i64,
    /// The currency.
    pub currency: Currency,
}

impl Money {
    /// An amount in satang.
    #[must_use]
    pub const fn satang(amount: i64) -> Self {
        Self { amount, currency: Currency::Thb }
    }

    /// Whether this is nothing.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.amount == 0
    }

    /// The sum, or `None` on overflow.
    #[must_use]
    pub fn sum(parts: impl IntoIterator<Item = Self>) -> Option<Self> {
        parts.into_iter().try_fold(0i64, |sum, part| sum.checked_add(part.amount)).map(Self::satang)
    }

    /// Whether the amount is allowed as the price of a seat.
    #[must_use]
    pub const fn is_price(self) -> bool {
        0 <= self.amount && self.amount <= PRICE_SATANG_MAX
    }

    /// The amount in major units, with two decimals: `200.00`.
    #[must_use]
    pub fn to_decimal(self) -> String {
        let sign = if self.amount < 0 { "-" } else { "" };
        let minor = self.amount.unsigned_abs();
        format!("{sign}{}.{:02}", minor / 100, minor % 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_text_has_two_digits_of_satang() {
        let shown = [0, 5, 20_000, -150].map(|amount| Money::satang(amount).to_decimal());
        assert_eq!(shown, ["0.00", "0.05", "200.00", "-1.50"]);
    }

    #[test]
    fn sum_is_none_on_overflow() {
        assert_eq!(Money::sum([Money::satang(i64::MAX), Money::satang(1)]), None);
        assert_eq!(Money::sum([Money::satang(1), Money::satang(2)]), Some(Money::satang(3)));
    }
}
