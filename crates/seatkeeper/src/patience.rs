//! A timeout for calls of payment providers. A call that timed out has not necessarily failed: its outcome is unknown,
//! and the reconciler asks the provider for it later.

use std::time::Duration;

use async_trait::async_trait;
use seatkeeper_core::{
    ids::PaymentId,
    ports::{Charge, PaymentProvider, ProviderAnswer, ProviderError},
};

/// Timeout of one call of a payment provider.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(10);

/// A payment provider whose calls time out after [`ANSWER_WAIT_MAX`].
pub struct PatientProvider<P>(P);

impl<P: PaymentProvider> PatientProvider<P> {
    /// Adds the timeout to `provider`.
    pub const fn new(provider: P) -> Self {
        Self(provider)
    }
}

async fn in_time(
    asked: impl Future<Output = Result<ProviderAnswer, ProviderError>> + Send,
) -> Result<ProviderAnswer, ProviderError> {
    let answered = tokio::time::timeout(ANSWER_WAIT_MAX, asked).await;
    answered.unwrap_or_else(|_| Err(ProviderError("no answer in time".to_owned())))
}

#[async_trait]
impl<P: PaymentProvider> PaymentProvider for PatientProvider<P> {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    async fn authorise(&self, charge: &Charge) -> Result<ProviderAnswer, ProviderError> {
        in_time(self.0.authorise(charge)).await
    }

    async fn capture(&self, id: PaymentId) -> Result<ProviderAnswer, ProviderError> {
        in_time(self.0.capture(id)).await
    }

    async fn give_back(&self, id: PaymentId) -> Result<ProviderAnswer, ProviderError> {
        in_time(self.0.give_back(id)).await
    }

    async fn find(&self, id: PaymentId) -> Result<ProviderAnswer, ProviderError> {
        in_time(self.0.find(id)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Silent;

    #[async_trait]
    impl PaymentProvider for Silent {
        fn name(&self) -> &'static str {
            "silent"
        }

        async fn authorise(&self, _: &Charge) -> Result<ProviderAnswer, ProviderError> {
            std::future::pending().await
        }

        async fn capture(&self, _: PaymentId) -> Result<ProviderAnswer, ProviderError> {
            std::future::pending().await
        }

        async fn give_back(&self, _: PaymentId) -> Result<ProviderAnswer, ProviderError> {
            std::future::pending().await
        }

        async fn find(&self, _: PaymentId) -> Result<ProviderAnswer, ProviderError> {
            std::future::pending().await
        }
    }

    #[tokio::test(start_paused = true)]
    async fn call_times_out_when_the_provider_does_not_answer() {
        let id = PaymentId::from_uuid(uuid::Uuid::nil());
        let provider = PatientProvider::new(Silent);
        assert_eq!(provider.find(id).await.unwrap_err().to_string(), "payment provider: no answer in time");
        assert!(provider.capture(id).await.is_err() && provider.give_back(id).await.is_err());
    }
}
