//! A payment provider whose answers and callbacks are late, lost or duplicated.

use std::sync::{
    Arc, Weak,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use jiff::SignedDuration;
use parking_lot::Mutex;
use seatkeeper_core::{
    box_office::{BoxOffice, ConfirmAnswer, LockOutcome, confirm_payment, provider_reported},
    payment::{CONFIRMING_FOR_MAX, ConfirmOutcome, PaymentStatus},
    ports::ProviderAnswer,
};
use seatkeeper_embedded::mock_provider::{CallbackMessage, CallbackPlan, CallbackSink, MockFaults};
use tokio::sync::Notify;

use crate::{
    office::{PAYMENT_TTL, TestOffice},
    reconciler::resume_unfinished,
    steps::Stepper,
    visit::Visit,
};

/// Injected faults by which all answers of the provider are lost.
const NO_ANSWERS: MockFaults = MockFaults {
    answer_delay: std::time::Duration::ZERO,
    lose_answer: 1.0,
    refuse_authorise_first_n: 0,
    refuse_capture_first_n: 0,
    refuse_give_back_first_n: 0,
    callbacks: CallbackPlan::OnTime,
};

#[tokio::test]
async fn callback_before_the_answer_leads_to_one_sale() {
    let cinema = TestOffice::new();
    let screening = cinema.screening("sss").await;
    let ann = Visit::of(&cinema, "Ann", &screening).await;
    let payment = ann.paying(&cinema, "A1").await;
    let (office, person) = (Arc::clone(&cinema.office), ann.person);
    let mut confirm =
        Stepper::new(async move { confirm_payment(&office, person, payment.id, ConfirmOutcome::Success).await });
    let mut answer = confirm.arrive().await;
    // Waits until the provider has authorised the payment. The server has not handled the answer yet.
    while cinema.book.find_entry(payment.id).await.expect("the books open").is_none() {
        assert!(answer.is_none(), "the provider has not been asked yet");
        answer = confirm.go_on().await;
    }
    ann.report(payment.id).await;
    assert_eq!(ann.find(payment.id).await.status, PaymentStatus::Succeeded);
    while answer.is_none() {
        answer = confirm.go_on().await;
    }
    let booking = ann.paid(payment.id).await;
    match answer.expect("an answer").expect("the store works") {
        ConfirmAnswer::Succeeded(sale) => assert_eq!(sale.1, booking),
        other => panic!("{other:?}"),
    }
    cinema.come_to_rest().await;
    cinema.check_books(&[screening.screening.id], &[payment.id]).await;
}

/// Passes callbacks directly to the use case, without HTTP.
#[derive(Default)]
struct Door {
    office: Mutex<Weak<BoxOffice>>,
    delivered: AtomicUsize,
    came: Notify,
}

#[async_trait]
impl CallbackSink for Door {
    async fn deliver(&self, message: CallbackMessage) {
        let office = self.office.lock().upgrade();
        if let Some(office) = office {
            provider_reported(&office, message.payment_id).await.expect("the parts work");
        }
        self.delivered.fetch_add(1, Ordering::SeqCst);
        self.came.notify_one();
    }
}

#[tokio::test]
async fn duplicated_callbacks_in_addition_to_the_answers_lead_to_one_sale() {
    let door = Arc::new(Door::default());
    let cinema = TestOffice::with_sink(5, Some(Arc::clone(&door) as _));
    *door.office.lock() = Arc::downgrade(&cinema.office);
    cinema.faults.set(MockFaults { callbacks: CallbackPlan::Twice, ..MockFaults::default() });
    let screening = cinema.screening("sss").await;
    let ann = Visit::of(&cinema, "Ann", &screening).await;
    let booking = ann.bought(&cinema, "A1 A2").await;
    // The authorisation and the capture send two callbacks each.
    while door.delivered.load(Ordering::SeqCst) < 4 {
        door.came.notified().await;
    }
    cinema.come_to_rest().await;
    cinema.check_books(&[screening.screening.id], &[booking.payment_id]).await;
}

#[tokio::test]
async fn callback_that_repeats_a_known_state_changes_nothing() {
    let cinema = TestOffice::new();
    let screening = cinema.screening("ssssss").await;
    let ann = Visit::of(&cinema, "Ann", &screening).await;
    let sold = ann.bought(&cinema, "A1").await.payment_id;
    let cancelled = ann.paying(&cinema, "A2").await.id;
    ann.cancel(cancelled).await;
    let declined = ann.started(cinema.payment_id()).await.id;
    ann.confirm(declined, ConfirmOutcome::Decline).await;
    let confirming = ann.started(cinema.payment_id()).await.id;
    cinema.faults.set(NO_ANSWERS);
    ann.confirm(confirming, ConfirmOutcome::Success).await;
    cinema.faults.set(MockFaults { refuse_authorise_first_n: 100, ..MockFaults::default() });
    let bob = Visit::of(&cinema, "Bob", &screening).await;
    let pending = bob.paying(&cinema, "A3").await.id;
    let all = [sold, cancelled, declined, confirming, pending];
    let mut before = Vec::new();
    for id in all {
        before.push(ann.find(id).await);
    }
    for _ in 0..3 {
        for id in all {
            ann.report(id).await;
        }
    }
    for (id, before) in all.into_iter().zip(before) {
        assert_eq!(ann.find(id).await, before);
    }
    assert!(
        !provider_reported(&cinema.office, cinema.payment_id()).await.expect("the store works"),
        "the payment is unknown"
    );
    cinema.faults.set(MockFaults::default());
    cinema.come_to_rest().await;
    for id in all {
        ann.report(id).await;
    }
    cinema.come_to_rest().await;
    assert_eq!(ann.find(confirming).await.status, PaymentStatus::Succeeded);
    cinema.check_books(&[screening.screening.id], &all).await;
}

#[tokio::test]
async fn payment_whose_authorisation_timed_out_after_taking_effect_is_sold() {
    let cinema = TestOffice::new();
    let screening = cinema.screening("sss").await;
    let (ann, bob) = (Visit::of(&cinema, "Ann", &screening).await, Visit::of(&cinema, "Bob", &screening).await);
    let payment = ann.paying(&cinema, "A1").await;
    cinema.faults.set(NO_ANSWERS);
    let unknown = ann.confirm(payment.id, ConfirmOutcome::Success).await;
    assert!(matches!(unknown, ConfirmAnswer::Unknown(_)), "a timeout is unknown, not failed: {unknown:?}");
    assert_eq!(ann.find(payment.id).await.status, PaymentStatus::Confirming);
    // While the outcome is unknown, claim and locks do not expire, and the payment cannot be cancelled.
    for _ in 0..16 {
        cinema.pass(SignedDuration::from_secs(29));
        cinema.work().await;
        assert!(matches!(bob.lock("A1").await, LockOutcome::SeatsTaken(_)));
    }
    assert!(cinema.office.now() > payment.expires_at);
    let cancel = ann.cancel(payment.id).await;
    assert!(matches!(cancel, seatkeeper_core::box_office::CancelOutcome::NotPending(_)), "{cancel:?}");
    cinema.faults.set(MockFaults::default());
    cinema.work().await;
    assert_eq!(ann.find(payment.id).await.status, PaymentStatus::Succeeded);
    ann.paid(payment.id).await;
    cinema.come_to_rest().await;
    cinema.check_books(&[screening.screening.id], &[payment.id]).await;
}

#[tokio::test]
async fn unfinished_payment_is_sold_and_captured_when_the_provider_works_again() {
    let cinema = TestOffice::new();
    let screening = cinema.screening("sss").await;
    let ann = Visit::of(&cinema, "Ann", &screening).await;
    let payment = ann.paying(&cinema, "A1").await;
    let fails = MockFaults { refuse_authorise_first_n: 2, refuse_capture_first_n: 3, ..MockFaults::default() };
    cinema.faults.set(fails);
    for _ in 0..2 {
        let unknown = ann.confirm(payment.id, ConfirmOutcome::Success).await;
        assert!(matches!(unknown, ConfirmAnswer::Unknown(_)), "{unknown:?}");
    }
    ann.paid(payment.id).await;
    let money = cinema.book.find_entry(payment.id).await.expect("the books open");
    assert_eq!(money, Some(ProviderAnswer::Authorised), "the seat is sold before the capture");
    for _ in 0..3 {
        cinema.work().await;
    }
    let money = cinema.book.find_entry(payment.id).await.expect("the books open");
    assert_eq!(money, Some(ProviderAnswer::Captured), "the money is captured as soon as possible");
    cinema.come_to_rest().await;
    cinema.check_books(&[screening.screening.id], &[payment.id]).await;
}

#[tokio::test]
async fn payment_confirming_for_ten_minutes_expires_and_its_money_is_voided() {
    let cinema = TestOffice::new();
    let screening = cinema.screening("sss").await;
    let (ann, bob) = (Visit::of(&cinema, "Ann", &screening).await, Visit::of(&cinema, "Bob", &screening).await);
    let payment = ann.paying(&cinema, "A1").await;
    cinema.faults.set(NO_ANSWERS);
    ann.confirm(payment.id, ConfirmOutcome::Success).await;
    cinema.pass(CONFIRMING_FOR_MAX - SignedDuration::from_millis(1));
    cinema.work().await;
    assert_eq!(ann.find(payment.id).await.status, PaymentStatus::Confirming);
    cinema.pass(SignedDuration::from_millis(1));
    cinema.work().await;
    assert_eq!(ann.find(payment.id).await.status, PaymentStatus::Expired, "confirming takes ten minutes at most");
    let his = bob.paying(&cinema, "A1").await;
    cinema.faults.set(MockFaults::default());
    bob.paid(his.id).await;
    cinema.work().await;
    let money = cinema.book.find_entry(payment.id).await.expect("the books open");
    assert_eq!(money, Some(ProviderAnswer::Voided));
    let late = ann.confirm(payment.id, ConfirmOutcome::Success).await;
    assert!(matches!(late, ConfirmAnswer::Expired(_)), "{late:?}");
    cinema.come_to_rest().await;
    cinema.check_books(&[screening.screening.id], &[payment.id, his.id]).await;
}

#[tokio::test]
async fn expired_payment_with_a_void_task_is_not_sold_by_a_late_callback() {
    let cinema = TestOffice::new();
    let screening = cinema.screening("sss").await;
    let ann = Visit::of(&cinema, "Ann", &screening).await;
    let payment = ann.paying(&cinema, "A1").await;
    cinema.faults.set(NO_ANSWERS);
    ann.confirm(payment.id, ConfirmOutcome::Success).await;
    cinema.pass(CONFIRMING_FOR_MAX);
    cinema.faults.set(MockFaults { refuse_give_back_first_n: 1, ..MockFaults::default() });
    cinema.work().await;
    assert_eq!(ann.find(payment.id).await.status, PaymentStatus::Expired);
    // The open money task returns the money, so a callback must not sell the seats.
    ann.report(payment.id).await;
    assert_eq!(ann.find(payment.id).await.status, PaymentStatus::Refunded);
    cinema.come_to_rest().await;
    cinema.check_books(&[screening.screening.id], &[payment.id]).await;
}

#[tokio::test]
async fn captured_money_of_an_expired_payment_is_refunded_and_reported() {
    let cinema = TestOffice::new();
    let screening = cinema.screening("sss").await;
    let ann = Visit::of(&cinema, "Ann", &screening).await;
    let payment = ann.paying(&cinema, "A1").await;
    cinema.faults.set(NO_ANSWERS);
    ann.confirm(payment.id, ConfirmOutcome::Success).await;
    // A provider that captures the money at once instead of authorising it.
    let (aside, taken) = (Some(ProviderAnswer::Authorised), ProviderAnswer::Captured);
    let stands = cinema.book.put_entry(payment.id, aside, taken).await.expect("the books open");
    assert_eq!(stands, Some(taken));
    cinema.pass(CONFIRMING_FOR_MAX);
    cinema.faults.set(MockFaults::default());
    cinema.work().await;
    assert_eq!(ann.find(payment.id).await.status, PaymentStatus::Refunded);
    let answer = ann.confirm(payment.id, ConfirmOutcome::Success).await;
    assert!(matches!(answer, ConfirmAnswer::SeatsLost(_)), "{answer:?}");
    cinema.come_to_rest().await;
    cinema.check_books(&[screening.screening.id], &[payment.id]).await;
}

/// A race: a request has got the authorisation and is about to sell, while the reconciler gives up the payment.
#[tokio::test]
async fn payment_given_up_during_its_sale_is_not_sold_without_money() {
    for calls_first in 0..8 {
        let cinema = TestOffice::new();
        let screening = cinema.screening("sss").await;
        let ann = Visit::of(&cinema, "Ann", &screening).await;
        let payment = ann.paying(&cinema, "A1").await;
        let (office, person) = (Arc::clone(&cinema.office), ann.person);
        let mut confirm =
            Stepper::new(async move { confirm_payment(&office, person, payment.id, ConfirmOutcome::Success).await });
        let mut confirmed = confirm.arrive().await.is_some();
        // Runs until just before the sale.
        while cinema.book.find_entry(payment.id).await.expect("the books open").is_none() {
            confirmed |= confirm.go_on().await.is_some();
        }
        cinema.pass(CONFIRMING_FOR_MAX + PAYMENT_TTL);
        let office = Arc::clone(&cinema.office);
        let mut resume = Stepper::new(async move { resume_unfinished(&office).await });
        let mut resumed = resume.arrive().await.is_some();
        for _ in 0..calls_first {
            resumed = resumed || resume.go_on().await.is_some();
        }
        while !confirmed {
            confirmed = confirm.go_on().await.is_some();
        }
        while !resumed {
            resumed = resume.go_on().await.is_some();
        }
        drop((confirm, resume));
        cinema.come_to_rest().await;
        cinema.check_books(&[screening.screening.id], &[payment.id]).await;
    }
}
