//! Money, as a provider handles it.

use async_trait::async_trait;

use super::Backend;
use crate::{
    ids::PaymentId,
    money::Money,
    payment::{ConfirmOutcome, PaymentMethod},
};

/// What a provider is asked to take. Every call is idempotent by the payment's id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charge {
    /// Our id, which the provider repeats.
    pub payment_id: PaymentId,
    /// How much.
    pub amount: Money,
    /// How.
    pub method: PaymentMethod,
    /// What the payer's confirmation said (the mock provider's stand-in for card data).
    pub outcome: ConfirmOutcome,
}

/// Where the money is, as the provider says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProviderAnswer {
    /// Set aside for us.
    Authorised,
    /// Taken.
    Captured,
    /// Refused; nothing was taken.
    Declined,
    /// Set aside no longer; nothing was taken.
    Voided,
    /// Given back.
    Refunded,
    /// It has never heard of this payment.
    Unknown,
}

/// A call whose outcome is *unknown*, not *failed*: ask again.
#[derive(Debug, thiserror::Error)]
#[error("payment provider: {0}")]
pub struct ProviderError(pub String);

/// A payment provider. A time-out is an error here and means *unknown*.
#[async_trait]
pub trait PaymentProvider: Send + Sync {
    /// Its name in callback addresses: `mock`.
    fn name(&self) -> &'static str;
    /// Sets the money aside. The same payment again gives the same answer.
    async fn authorise(&self, charge: &Charge) -> Result<ProviderAnswer, ProviderError>;
    /// Takes what was set aside.
    async fn capture(&self, id: PaymentId) -> Result<ProviderAnswer, ProviderError>;
    /// Gives back whatever it has: voids, or refunds what was captured. A payment that it does not know it will refuse
    /// from now on, and answers `Voided`.
    async fn give_back(&self, id: PaymentId) -> Result<ProviderAnswer, ProviderError>;
    /// Where the money is.
    async fn find(&self, id: PaymentId) -> Result<ProviderAnswer, ProviderError>;
}

/// The mock provider's own books: it remembers what it did even when every server dies.
#[async_trait]
pub trait MockBook: Send + Sync {
    /// What it last said of a payment.
    async fn find_entry(&self, id: PaymentId) -> Backend<Option<ProviderAnswer>>;
    /// Writes `next` if the entry is still `expected`; answers what stands there afterwards.
    async fn put_entry(
        &self,
        id: PaymentId,
        expected: Option<ProviderAnswer>,
        next: ProviderAnswer,
    ) -> Backend<Option<ProviderAnswer>>;
}
