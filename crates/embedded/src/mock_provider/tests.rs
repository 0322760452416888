use std::{collections::HashMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use parking_lot::Mutex;
use seatkeeper_core::{
    ids::PaymentId,
    money::Money,
    payment::{ConfirmOutcome, PaymentMethod},
    ports::{Backend, BackendError, Charge, MockBook, PaymentProvider, ProviderAnswer},
};
use seatkeeper_testing::{ManualClock, SeededEntropy};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::{CallbackMessage, CallbackPlan, CallbackSink, FaultSwitch, MockFaults, MockProvider};
use ProviderAnswer::{Authorised, Captured, Declined, Refunded, Unknown, Voided};

#[derive(Default)]
struct Book {
    entries: Mutex<HashMap<PaymentId, ProviderAnswer>>,
    is_away: Mutex<bool>,
}

#[async_trait]
impl MockBook for Book {
    async fn find_entry(&self, id: PaymentId) -> Backend<Option<ProviderAnswer>> {
        if *self.is_away.lock() {
            return Err(BackendError::retryable("store", "away"));
        }
        let entry = self.entries.lock().get(&id).copied();
        // Lets other tasks run between the read and the write of the compare-and-set, to provoke races.
        tokio::task::yield_now().await;
        Ok(entry)
    }

    async fn put_entry(
        &self,
        id: PaymentId,
        expected: Option<ProviderAnswer>,
        next: ProviderAnswer,
    ) -> Backend<Option<ProviderAnswer>> {
        let mut entries = self.entries.lock();
        if entries.get(&id).copied() == expected {
            entries.insert(id, next);
        }
        Ok(entries.get(&id).copied())
    }
}

struct Inbox(mpsc::UnboundedSender<CallbackMessage>);

#[async_trait]
impl CallbackSink for Inbox {
    async fn deliver(&self, message: CallbackMessage) {
        let _ = self.0.send(message);
    }
}

struct World {
    provider: Arc<MockProvider>,
    book: Arc<Book>,
    messages: mpsc::UnboundedReceiver<CallbackMessage>,
}

fn world(faults: MockFaults) -> World {
    let (sender, messages) = mpsc::unbounded_channel();
    let book = Arc::new(Book::default());
    let provider = MockProvider::new(
        Arc::clone(&book) as Arc<dyn MockBook>,
        Arc::new(ManualClock::default()),
        Arc::new(SeededEntropy::new(1)),
        Arc::new(FaultSwitch::new(faults)),
        Some(Arc::new(Inbox(sender))),
    );
    World { provider: Arc::new(provider), book, messages }
}

fn id(number: u128) -> PaymentId {
    PaymentId::from_uuid(Uuid::from_u128(number))
}

fn charge(number: u128, outcome: ConfirmOutcome) -> Charge {
    Charge { payment_id: id(number), amount: Money::satang(20_000), method: PaymentMethod::MockCard, outcome }
}

#[tokio::test]
async fn provider_calls_are_idempotent_and_money_states_only_move_forward() {
    let World { provider, .. } = world(MockFaults::default());
    let (yes, no) = (charge(1, ConfirmOutcome::Success), charge(2, ConfirmOutcome::Decline));
    assert_eq!(provider.find(id(1)).await.unwrap(), Unknown);
    assert_eq!(provider.capture(id(1)).await.unwrap(), Unknown);
    for _ in 0..2 {
        assert_eq!(provider.authorise(&yes).await.unwrap(), Authorised);
    }
    assert_eq!(
        provider.authorise(&charge(1, ConfirmOutcome::Decline)).await.unwrap(),
        Authorised,
        "the first outcome stands"
    );
    for _ in 0..2 {
        assert_eq!(provider.capture(id(1)).await.unwrap(), Captured);
    }
    assert_eq!(provider.authorise(&yes).await.unwrap(), Captured);
    for _ in 0..2 {
        assert_eq!(provider.give_back(id(1)).await.unwrap(), Refunded);
    }
    assert_eq!(provider.capture(id(1)).await.unwrap(), Refunded);

    assert_eq!(provider.authorise(&no).await.unwrap(), Declined);
    assert_eq!(provider.authorise(&charge(2, ConfirmOutcome::Success)).await.unwrap(), Declined);
    assert_eq!(provider.capture(id(2)).await.unwrap(), Declined);
    assert_eq!(provider.give_back(id(2)).await.unwrap(), Declined);

    provider.authorise(&charge(3, ConfirmOutcome::Success)).await.unwrap();
    assert_eq!(provider.give_back(id(3)).await.unwrap(), Voided);
    assert_eq!(provider.capture(id(3)).await.unwrap(), Voided, "voided money is not captured");
}

#[tokio::test]
async fn authorisation_after_the_money_was_returned_is_refused() {
    let World { provider, .. } = world(MockFaults::default());
    assert_eq!(provider.give_back(id(1)).await.unwrap(), Voided);
    assert_eq!(provider.authorise(&charge(1, ConfirmOutcome::Success)).await.unwrap(), Voided);
    assert_eq!(provider.capture(id(1)).await.unwrap(), Voided);
    assert_eq!(provider.find(id(1)).await.unwrap(), Voided);
}

#[tokio::test]
async fn racing_capture_and_refund_agree_on_one_outcome() {
    let World { provider, mut messages, .. } = world(MockFaults::default());
    for number in 0..200 {
        provider.authorise(&charge(number, ConfirmOutcome::Success)).await.unwrap();
        let (captured, given_back) = tokio::join!(provider.capture(id(number)), provider.give_back(id(number)));
        let end = provider.find(id(number)).await.unwrap();
        match end {
            Voided => assert!(captured.unwrap() == Voided && given_back.unwrap() == Voided),
            Refunded => assert!(matches!(captured.unwrap(), Captured | Refunded) && given_back.unwrap() == Refunded),
            other => panic!("{other:?}"),
        }
        let mut told = Vec::new();
        while told.last() != Some(&end) {
            told.push(messages.recv().await.unwrap().answer);
        }
        let path = if end == Voided { &[Authorised, Voided][..] } else { &[Authorised, Captured, Refunded] };
        assert_eq!(told, path, "each change sends one callback");
    }
}

#[tokio::test]
async fn provider_call_whose_answer_is_lost_has_taken_effect() {
    let World { provider, .. } = world(MockFaults { lose_answer: 1.0, ..MockFaults::default() });
    let error = provider.authorise(&charge(1, ConfirmOutcome::Success)).await.unwrap_err();
    assert!(error.to_string().contains("no answer in time"));
    assert!(provider.find(id(1)).await.is_err());
    provider.faults().set(MockFaults::default());
    assert_eq!(provider.find(id(1)).await.unwrap(), Authorised);
    provider.faults().set(MockFaults { lose_answer: 1.0, ..MockFaults::default() });
    assert!(provider.capture(id(1)).await.is_err());
    provider.faults().set(MockFaults::default());
    assert_eq!(provider.find(id(1)).await.unwrap(), Captured);
}

#[tokio::test]
async fn answers_are_lost_with_the_configured_probability() {
    let World { provider, .. } = world(MockFaults { lose_answer: 0.25, ..MockFaults::default() });
    let mut lost = 0;
    for _ in 0..4_000 {
        lost += u32::from(provider.find(id(1)).await.is_err());
    }
    assert!((900..1_100).contains(&lost), "{lost} of 4,000");
}

#[tokio::test]
async fn counted_fault_refuses_that_many_provider_calls_without_an_effect() {
    let faults = MockFaults {
        refuse_authorise_first_n: 1,
        refuse_capture_first_n: 2,
        refuse_give_back_first_n: 1,
        ..MockFaults::default()
    };
    let World { provider, .. } = world(faults);
    let one = charge(1, ConfirmOutcome::Success);
    assert!(provider.authorise(&one).await.is_err());
    assert_eq!(provider.find(id(1)).await.unwrap(), Unknown, "a refused call has no effect");
    assert_eq!(provider.authorise(&one).await.unwrap(), Authorised);
    for _ in 0..2 {
        assert!(provider.capture(id(1)).await.is_err());
        assert_eq!(provider.find(id(1)).await.unwrap(), Authorised);
    }
    assert_eq!(provider.capture(id(1)).await.unwrap(), Captured);
    assert!(provider.give_back(id(1)).await.is_err());
    assert_eq!(provider.give_back(id(1)).await.unwrap(), Refunded);
    assert_eq!(provider.faults().get(), MockFaults::default(), "all faults are used up");
}

#[tokio::test]
async fn provider_call_fails_without_effect_when_its_records_are_unavailable() {
    let World { provider, book, .. } = world(MockFaults::default());
    *book.is_away.lock() = true;
    assert!(provider.authorise(&charge(1, ConfirmOutcome::Success)).await.is_err());
    assert!(provider.find(id(1)).await.is_err());
    *book.is_away.lock() = false;
    assert_eq!(provider.find(id(1)).await.unwrap(), Unknown);
}

#[tokio::test(start_paused = true)]
async fn delayed_answer_arrives_after_the_effect_and_the_callback() {
    let delay = Duration::from_secs(7);
    let World { provider, mut messages, .. } = world(MockFaults { answer_delay: delay, ..MockFaults::default() });
    let start = tokio::time::Instant::now();
    let asking = Arc::clone(&provider);
    let answer = tokio::spawn(async move { asking.authorise(&charge(1, ConfirmOutcome::Success)).await });
    let message = messages.recv().await.unwrap();
    assert_eq!((message.payment_id, message.answer), (id(1), Authorised));
    assert!(start.elapsed() < delay, "the callback came before the answer");
    assert_eq!(answer.await.unwrap().unwrap(), Authorised);
    assert_eq!(start.elapsed(), delay);
}

#[tokio::test(start_paused = true)]
async fn callbacks_are_sent_as_the_injected_faults_say() {
    let World { provider, mut messages, .. } = world(MockFaults::default());
    let plan = |callbacks| MockFaults { callbacks, ..MockFaults::default() };
    let authorise = async |number| provider.authorise(&charge(number, ConfirmOutcome::Success)).await.unwrap();

    provider.faults().set(plan(CallbackPlan::Never));
    authorise(1).await;
    provider.faults().set(plan(CallbackPlan::Twice));
    authorise(2).await;
    let (first, second) = (messages.recv().await.unwrap(), messages.recv().await.unwrap());
    assert_eq!((first.payment_id, first.answer), (id(2), Authorised), "the first payment has no callback");
    assert_eq!(first, second);

    provider.faults().set(plan(CallbackPlan::Late(Duration::from_secs(30))));
    let start = tokio::time::Instant::now();
    authorise(3).await;
    assert_eq!(messages.recv().await.unwrap().payment_id, id(3));
    assert_eq!(start.elapsed(), Duration::from_secs(30));

    authorise(4).await;
    authorise(4).await;
    provider.stop().await;
    assert!(messages.try_recv().is_err(), "a callback in flight is cancelled with the provider");
}

#[test]
fn callback_has_the_documented_json() {
    let message = CallbackMessage { payment_id: id(1), answer: Captured, at: seatkeeper_testing::sample_now() };
    let json = serde_json::to_string(&message).unwrap();
    expect_test::expect![[
        r#"{"payment_id":"00000000-0000-0000-0000-000000000001","answer":"captured","at":"2026-11-23T12:30:00Z"}"#
    ]]
    .assert_eq(&json);
    assert_eq!(serde_json::from_str::<CallbackMessage>(&json).unwrap(), message);
}
