//! The mock payment provider.

use std::sync::Arc;

use async_trait::async_trait;
use seatkeeper_core::{
    ids::PaymentId,
    payment::ConfirmOutcome,
    ports::{Charge, Clock, Entropy, MockBook, PaymentProvider, ProviderAnswer, ProviderError},
};

use super::{
    FaultSwitch, MockFaults,
    callback::{CallbackMessage, CallbackSink, Callbacks},
};

/// The most attempts to change a payment's record when other calls change it concurrently. The state of a payment
/// changes at most twice: authorised, then captured or given back.
const MOVES_TRIED_MAX: usize = 4;

/// A payment provider with play money. Its records stay consistent even if its answers are lost.
pub struct MockProvider {
    book: Arc<dyn MockBook>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    faults: Arc<FaultSwitch>,
    callbacks: Callbacks,
}

impl MockProvider {
    /// A provider that stores its records in the given book. Without a `sink` it sends no callbacks.
    #[must_use]
    pub fn new(
        book: Arc<dyn MockBook>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        faults: Arc<FaultSwitch>,
        sink: Option<Arc<dyn CallbackSink>>,
    ) -> Self {
        Self { book, clock, entropy, faults, callbacks: Callbacks::to(sink) }
    }

    /// The switch that changes this provider's injected faults.
    #[must_use]
    pub fn faults(&self) -> &FaultSwitch {
        &self.faults
    }

    /// Stops sending callbacks; waiting ones are discarded.
    pub async fn stop(&self) {
        self.callbacks.stop().await;
    }

    /// Replaces a payment's record by the result of `next` for its current state, with compare-and-set. Returns the new
    /// state.
    async fn turn_page(
        &self,
        id: PaymentId,
        next: impl Fn(Option<ProviderAnswer>) -> Option<ProviderAnswer> + Send + Sync,
    ) -> Result<ProviderAnswer, ProviderError> {
        let mut stands = self.book.find_entry(id).await.map_err(failed)?;
        for _ in 0..MOVES_TRIED_MAX {
            let Some(wanted) = next(stands).filter(|wanted| stands != Some(*wanted)) else {
                return Ok(stands.unwrap_or(ProviderAnswer::Unknown));
            };
            let before = stands;
            stands = self.book.put_entry(id, before, wanted).await.map_err(failed)?;
            if stands == Some(wanted) {
                let message = CallbackMessage { payment_id: id, answer: wanted, at: self.clock.now() };
                self.callbacks.send(message, self.faults.get().callbacks);
                return Ok(wanted);
            }
        }
        Err(ProviderError("the payment's record kept changing".to_owned()))
    }

    fn refuse(&self, counter: impl Fn(&mut MockFaults) -> &mut u32) -> Result<(), ProviderError> {
        if self.faults.take_one(counter) {
            return Err(ProviderError("refused by an injected fault".to_owned()));
        }
        Ok(())
    }

    /// Returns an answer to the server, delayed or lost according to the injected faults.
    async fn answer(&self, answer: ProviderAnswer) -> Result<ProviderAnswer, ProviderError> {
        let MockFaults { answer_delay, lose_answer, .. } = self.faults.get();
        if !answer_delay.is_zero() {
            tokio::time::sleep(answer_delay).await;
        }
        if lose_answer > 0.0 && self.draw() < lose_answer {
            return Err(ProviderError("no answer in time, by an injected fault".to_owned()));
        }
        Ok(answer)
    }

    /// A random number from 0 to below 1.
    fn draw(&self) -> f64 {
        let mut bytes = [0; 4];
        self.entropy.fill(&mut bytes);
        f64::from(u32::from_le_bytes(bytes)) / (f64::from(u32::MAX) + 1.0)
    }
}

#[async_trait]
impl PaymentProvider for MockProvider {
    fn name(&self) -> &'static str {
        "mock"
    }

    async fn authorise(&self, charge: &Charge) -> Result<ProviderAnswer, ProviderError> {
        self.refuse(|faults| &mut faults.refuse_authorise_first_n)?;
        let first = match charge.outcome {
            ConfirmOutcome::Success => ProviderAnswer::Authorised,
            ConfirmOutcome::Decline => ProviderAnswer::Declined,
        };
        let answer = self.turn_page(charge.payment_id, |stands| stands.is_none().then_some(first)).await?;
        self.answer(answer).await
    }

    async fn capture(&self, id: PaymentId) -> Result<ProviderAnswer, ProviderError> {
        self.refuse(|faults| &mut faults.refuse_capture_first_n)?;
        let is_set_aside = |stands| stands == Some(ProviderAnswer::Authorised);
        let answer = self.turn_page(id, |stands| is_set_aside(stands).then_some(ProviderAnswer::Captured)).await?;
        self.answer(answer).await
    }

    async fn give_back(&self, id: PaymentId) -> Result<ProviderAnswer, ProviderError> {
        self.refuse(|faults| &mut faults.refuse_give_back_first_n)?;
        let next = |stands| match stands {
            None | Some(ProviderAnswer::Authorised | ProviderAnswer::Unknown) => Some(ProviderAnswer::Voided),
            Some(ProviderAnswer::Captured) => Some(ProviderAnswer::Refunded),
            Some(ProviderAnswer::Declined | ProviderAnswer::Voided | ProviderAnswer::Refunded) => None,
        };
        let answer = self.turn_page(id, next).await?;
        self.answer(answer).await
    }

    async fn find(&self, id: PaymentId) -> Result<ProviderAnswer, ProviderError> {
        let stands = self.book.find_entry(id).await.map_err(failed)?;
        self.answer(stands.unwrap_or(ProviderAnswer::Unknown)).await
    }
}

fn failed(error: impl std::fmt::Display) -> ProviderError {
    ProviderError(format!("the provider's records: {error}"))
}
