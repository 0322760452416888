//! Payments of 0 baht, which need neither a method nor the payment provider.

use std::sync::Arc;

use jiff::SignedDuration;
use seatkeeper_core::{
    box_office::{
        Buyer, CancelOutcome, ConfirmAnswer, StartPaymentOutcome, confirm_payment, provider_reported, start_payment,
    },
    catalogue::SharedScreening,
    money::Money,
    payment::{ConfirmOutcome, Payment, PaymentMethod, PaymentStatus},
    ports::{ProgrammeChange, ShownToPayer},
};
use seatkeeper_embedded::mock_provider::{CallbackPlan, MockFaults};

use crate::{
    office::{PAYMENT_TTL, TestOffice},
    reconciler::resume_unfinished,
    steps::Stepper,
    visit::Visit,
};

/// A provider that fails every call. The counts of refused calls show whether it was called.
const OUT_OF_ORDER: MockFaults = MockFaults {
    answer_delay: std::time::Duration::ZERO,
    lose_answer: 1.0,
    refuse_authorise_first_n: 100,
    refuse_capture_first_n: 100,
    refuse_give_back_first_n: 100,
    callbacks: CallbackPlan::Never,
};

/// A screening whose seats of these categories are free.
async fn screening_with_free(cinema: &TestOffice, picture: &str, categories: &[&str]) -> SharedScreening {
    let paid = cinema.screening(picture).await;
    let mut screening = paid.screening.clone();
    for category in categories {
        screening.prices.insert((*category).to_owned(), Money::satang(0));
    }
    cinema.change(ProgrammeChange::PutScreening(screening, paid.revision)).await;
    cinema.office.follow_programme().await.expect("the store works");
    cinema.find_screening(paid.screening.id).await
}

async fn start_without_method(cinema: &TestOffice, visit: &Visit) -> StartPaymentOutcome {
    let (buyer, shown) = (Buyer::alone(visit.person), ShownToPayer::default());
    let started = start_payment(&visit.office, &buyer, &visit.screening, cinema.payment_id(), None, shown).await;
    started.expect("the parts work")
}

async fn free_payment(cinema: &TestOffice, visit: &Visit, seats: &str) -> Payment {
    visit.locked(seats).await;
    match start_without_method(cinema, visit).await {
        StartPaymentOutcome::Started(payment) => payment,
        other => panic!("a free payment should start: {other:?}"),
    }
}

#[tokio::test]
async fn free_payment_is_sold_without_a_call_of_the_provider() {
    let cinema = TestOffice::new();
    cinema.faults.set(OUT_OF_ORDER);
    let screening = screening_with_free(&cinema, "sss", &["standard"]).await;
    let ann = Visit::of(&cinema, "Ann", &screening).await;
    let payment = free_payment(&cinema, &ann, "A1 A2").await;
    assert_eq!((payment.amount, payment.needed_method()), (Money::satang(0), None));
    assert_eq!(payment.method, PaymentMethod::STORED_WHEN_FREE, "older servers read a method");
    let booking = ann.paid(payment.id).await;
    assert_eq!((booking.total, ann.find(payment.id).await.money_task), (Money::satang(0), None));
    // A method that the payer names has no effect.
    let bob = Visit::of(&cinema, "Bob", &screening).await;
    let named = bob.paying(&cinema, "A3").await;
    assert_eq!(named.needed_method(), None);
    bob.paid(named.id).await;
    cinema.come_to_rest().await;
    cinema.check_books(&[screening.screening.id], &[payment.id, named.id]).await;
    assert_eq!(cinema.faults.get(), OUT_OF_ORDER, "the provider was not called");
}

#[tokio::test]
async fn free_payment_that_is_not_confirmed_ends_without_a_call_of_the_provider() {
    let cinema = TestOffice::new();
    cinema.faults.set(OUT_OF_ORDER);
    let screening = screening_with_free(&cinema, "sss", &["standard"]).await;
    let ann = Visit::of(&cinema, "Ann", &screening).await;
    let cancelled = free_payment(&cinema, &ann, "A1").await.id;
    assert!(matches!(ann.cancel(cancelled).await, CancelOutcome::Cancelled(_)));
    let bob = Visit::of(&cinema, "Bob", &screening).await;
    let declined = free_payment(&cinema, &bob, "A2").await.id;
    assert!(matches!(bob.confirm(declined, ConfirmOutcome::Decline).await, ConfirmAnswer::Declined(_)));
    let eve = Visit::of(&cinema, "Eve", &screening).await;
    let expired = free_payment(&cinema, &eve, "A3").await.id;
    cinema.pass(PAYMENT_TTL + SignedDuration::from_secs(1));
    assert!(matches!(eve.confirm(expired, ConfirmOutcome::Success).await, ConfirmAnswer::Expired(_)));
    // The provider knows none of them, so a callback about them, which it never sends, is ignored.
    for id in [cancelled, declined, expired] {
        assert!(provider_reported(&cinema.office, id).await.expect("the provider is not asked"));
    }
    cinema.come_to_rest().await;
    cinema.check_books(&[screening.screening.id], &[cancelled, declined, expired]).await;
    assert_eq!(cinema.faults.get(), OUT_OF_ORDER, "the provider was not called");
}

#[tokio::test]
async fn free_payment_is_finished_by_the_reconciler_when_the_server_crashes_at_any_step() {
    for crash_at in 0.. {
        let cinema = TestOffice::new();
        let screening = screening_with_free(&cinema, "s", &["standard"]).await;
        let ann = Visit::of(&cinema, "Ann", &screening).await;
        let payment = free_payment(&cinema, &ann, "A1").await;
        cinema.faults.set(OUT_OF_ORDER);
        let (office, person) = (Arc::clone(&cinema.office), ann.person);
        let mut confirm =
            Stepper::new(async move { confirm_payment(&office, person, payment.id, ConfirmOutcome::Success).await });
        let mut is_done = confirm.arrive().await.is_some();
        for _ in 0..crash_at {
            is_done = is_done || confirm.go_on().await.is_some();
        }
        drop(confirm);
        resume_unfinished(&cinema.office).await.expect("the parts work");
        cinema.come_to_rest().await;
        cinema.check_books(&[screening.screening.id], &[payment.id]).await;
        assert_eq!(cinema.faults.get(), OUT_OF_ORDER, "the provider was not called");
        if is_done {
            assert_eq!(ann.find(payment.id).await.status, PaymentStatus::Succeeded);
            break;
        }
    }
}

#[tokio::test]
async fn payment_without_a_method_is_refused_when_there_is_something_to_pay() {
    let cinema = TestOffice::new();
    let screening = screening_with_free(&cinema, "ss/sofa:ss", &["standard"]).await;
    let paid = cinema.screening("s").await;
    let (ann, bob) = (Visit::of(&cinema, "Ann", &screening).await, Visit::of(&cinema, "Bob", &paid).await);
    let before = bob.locked("A1").await;
    cinema.pass(SignedDuration::from_secs(10));
    assert_eq!(start_without_method(&cinema, &bob).await, StartPaymentOutcome::MethodMissing);
    assert_eq!(bob.hold().await, before, "the lock store was not asked to extend the locks");
    // In a hall with free and other seats the store decides by the seats that are held.
    ann.locked("A1 B1").await;
    assert_eq!(start_without_method(&cinema, &ann).await, StartPaymentOutcome::MethodMissing);
    assert_eq!(ann.hold().await.payment, None, "no payment lock is left");
    ann.release_all().await;
    assert!(free_payment(&cinema, &ann, "A1 A2").await.is_free());
}
