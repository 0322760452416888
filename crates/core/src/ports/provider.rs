//! The port of payment providers.

use async_trait::async_trait;

use super::Backend;
use crate::{
    ids::PaymentId,
    money::Money,
    payment::{ConfirmOutcome, PaymentMethod},
};

/// A request to authorise a payment. Every call of a provider is idempotent by the payment's id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charge {
    /// Our id, which the provider returns in its callbacks.
    pub payment_id: PaymentId,
    /// The amount.
    pub amount: Money,
    /// The payment method.
    pub method: PaymentMethod,
    /// The payer's confirmation (the mock provider's stand-in for card data).
    pub outcome: ConfirmOutcome,
}

/// The state of a payment's money, according to the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProviderAnswer {
    /// Reserved for us, not captured.
    Authorised,
    /// Captured.
    Captured,
    /// Refused; nothing was taken.
    Declined,
    /// No longer reserved; nothing was taken.
    Voided,
    /// Captured and given back.
    Refunded,
    /// The provider does not know the payment.
    Unknown,
}

/// A call whose outcome is *unknown*, not *failed*: retry.
#[derive(Debug, thiserror::Error)]
#[error("payment provider: {0}")]
pub struct ProviderError(pub String);

/// A payment provider. A timeout is an error here and means *unknown*.
#[async_trait]
pub trait PaymentProvider: Send + Sync {
    /// Its name in callback addresses: `mock`.
    fn name(&self) -> &'static str;
    /// Authorises (reserves) the money. A repeated call gives the same answer.
    async fn authorise(&self, charge: &Charge) -> Result<ProviderAnswer, ProviderError>;
    /// Captures authorised money.
    async fn capture(&self, id: PaymentId) -> Result<ProviderAnswer, ProviderError>;
    /// Returns the money: voids an authorisation, refunds a capture. A payment that the provider does not know is refused from
    /// now on, and the answer is `Voided`.
    async fn give_back(&self, id: PaymentId) -> Result<ProviderAnswer, ProviderError>;
    /// The current state of the money.
    async fn find(&self, id: PaymentId) -> Result<ProviderAnswer, ProviderError>;
}

/// The mock provider's durable records, which survive the death of every server.
#[async_trait]
pub trait MockBook: Send + Sync {
    /// The mock provider's last answer for a payment.
    async fn find_entry(&self, id: PaymentId) -> Backend<Option<ProviderAnswer>>;
    /// Compare-and-set: writes `next` if the entry is still `expected`. Returns the entry afterwards.
    async fn put_entry(
        &self,
        id: PaymentId,
        expected: Option<ProviderAnswer>,
        next: ProviderAnswer,
    ) -> Backend<Option<ProviderAnswer>>;
}
