//! The port of payment providers.

use async_trait::async_trait;

use super::Backend;
use crate::{
    ids::PaymentId,
    money::Money,
    payment::{ConfirmOutcome, PaymentMethod},
};

/// A request to authorise a payment. Every call to a provider is idempotent: the payment's id is the idempotency key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charge {
    /// Our id of the payment, which the provider returns in its callbacks.
    pub payment_id: PaymentId,
    /// The amount.
    pub amount: Money,
    /// The payment method.
    pub method: PaymentMethod,
    /// The outcome that the payer chose on the page. It stands in for card data, and decides the mock provider's
    /// answer.
    pub outcome: ConfirmOutcome,
}

/// The state of a payment's money, according to the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProviderAnswer {
    /// The money is reserved for us and not yet captured.
    Authorised,
    /// The money was captured.
    Captured,
    /// The provider refused the payment; no money was taken.
    Declined,
    /// The authorisation was voided; no money was taken.
    Voided,
    /// The money was captured and then refunded.
    Refunded,
    /// The provider does not know the payment.
    Unknown,
}

/// A failed call to a provider. The state of the money is *unknown*, not *failed*, so the call is retried.
#[derive(Debug, thiserror::Error)]
#[error("payment provider: {0}")]
pub struct ProviderError(pub String);

/// A payment provider. A timeout is an error and leaves the state of the money *unknown*.
#[async_trait]
pub trait PaymentProvider: Send + Sync {
    /// The provider's name, as it appears in callback addresses: `mock`.
    fn name(&self) -> &'static str;
    /// Authorises (reserves) the money. A repeated call has no further effect.
    async fn authorise(&self, charge: &Charge) -> Result<ProviderAnswer, ProviderError>;
    /// Captures authorised money.
    async fn capture(&self, id: PaymentId) -> Result<ProviderAnswer, ProviderError>;
    /// Returns the money: voids an authorisation, refunds a capture. If the provider does not know the payment, it
    /// refuses to authorise that payment from now on and answers `Voided`.
    async fn give_back(&self, id: PaymentId) -> Result<ProviderAnswer, ProviderError>;
    /// Queries the current state of the money.
    async fn find(&self, id: PaymentId) -> Result<ProviderAnswer, ProviderError>;
}

/// The mock provider's durable records, one per payment. They survive a crash of any server.
#[async_trait]
pub trait MockBook: Send + Sync {
    /// The mock provider's last answer for a payment.
    async fn find_entry(&self, id: PaymentId) -> Backend<Option<ProviderAnswer>>;
    /// Compare-and-set: writes `next` if the record is still `expected`. Returns the record as it is after the call.
    async fn put_entry(
        &self,
        id: PaymentId,
        expected: Option<ProviderAnswer>,
        next: ProviderAnswer,
    ) -> Backend<Option<ProviderAnswer>>;
}
