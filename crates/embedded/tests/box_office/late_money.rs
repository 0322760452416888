//! Late payments: the provider reports money after the payment has ended, or without a confirmation.

use jiff::SignedDuration;
use seatkeeper_core::{
    box_office::{ConfirmAnswer, LockOutcome},
    event::{Event, EventKind},
    payment::{ConfirmOutcome, PaymentStatus},
    ports::{ProgrammeChange, ProviderAnswer},
};
use seatkeeper_embedded::mock_provider::MockFaults;

use crate::{
    office::{PAYMENT_TTL, TestOffice},
    visit::Visit,
};

#[tokio::test]
async fn late_payment_is_sold_when_its_seats_are_free() {
    let cinema = TestOffice::new();
    let screening = cinema.screening("sss").await;
    let ann = Visit::of(&cinema, "Ann", &screening).await;
    let payment = ann.paying(&cinema, "A1 A2").await;
    cinema.pass(PAYMENT_TTL);
    cinema.work().await;
    assert_eq!(ann.find(payment.id).await.status, PaymentStatus::Expired);
    ann.pay_by_phone(&payment).await;
    ann.report(payment.id).await;
    assert_eq!(ann.paid(payment.id).await.seats, payment.seats, "a later confirmation by the page returns the booking");
    cinema.come_to_rest().await;
    cinema.check_books(&[screening.screening.id], &[payment.id]).await;
}

#[tokio::test]
async fn late_payment_is_refunded_when_another_has_locked_a_seat() {
    let cinema = TestOffice::new();
    let screening = cinema.screening("sss").await;
    let (ann, bob) = (Visit::of(&cinema, "Ann", &screening).await, Visit::of(&cinema, "Bob", &screening).await);
    let payment = ann.paying(&cinema, "A1 A2").await;
    ann.pay_by_phone(&payment).await;
    cinema.pass(PAYMENT_TTL);
    bob.locked("A2").await;
    ann.report(payment.id).await;
    assert_eq!(ann.find(payment.id).await.status, PaymentStatus::Refunded);
    let answer = ann.confirm(payment.id, ConfirmOutcome::Success).await;
    assert!(matches!(answer, ConfirmAnswer::SeatsLost(_)), "{answer:?}");
    assert_eq!(ann.hold().await.seats, [], "no seat of the refunded payment stays locked");
    let his = bob.bought(&cinema, "A1 A2 A3").await;
    cinema.come_to_rest().await;
    cinema.check_books(&[screening.screening.id], &[payment.id, his.payment_id]).await;
}

#[tokio::test]
async fn late_payment_is_refunded_when_a_seat_is_sold() {
    let cinema = TestOffice::new();
    let screening = cinema.screening("sss").await;
    let (ann, bob) = (Visit::of(&cinema, "Ann", &screening).await, Visit::of(&cinema, "Bob", &screening).await);
    let payment = ann.paying(&cinema, "A1 A2").await;
    ann.pay_by_phone(&payment).await;
    cinema.pass(PAYMENT_TTL);
    let his = bob.bought(&cinema, "A2").await;
    ann.report(payment.id).await;
    assert_eq!(ann.find(payment.id).await.status, PaymentStatus::Refunded);
    cinema.come_to_rest().await;
    cinema.check_books(&[screening.screening.id], &[payment.id, his.payment_id]).await;
}

#[tokio::test]
async fn late_payment_is_refunded_when_another_has_a_claim_and_all_locks_are_lost() {
    let cinema = TestOffice::new();
    let screening = cinema.screening("sss").await;
    let (ann, bob) = (Visit::of(&cinema, "Ann", &screening).await, Visit::of(&cinema, "Bob", &screening).await);
    let payment = ann.paying(&cinema, "A1").await;
    ann.pay_by_phone(&payment).await;
    cinema.pass(PAYMENT_TTL);
    let his = bob.paying(&cinema, "A1").await;
    cinema.lose_locks();
    ann.report(payment.id).await;
    assert_eq!(ann.find(payment.id).await.status, PaymentStatus::Refunded);
    bob.paid(his.id).await;
    cinema.come_to_rest().await;
    cinema.check_books(&[screening.screening.id], &[payment.id, his.id]).await;
}

#[tokio::test]
async fn late_payment_is_refunded_when_its_payer_has_a_new_payment_for_the_seats() {
    let cinema = TestOffice::new();
    let screening = cinema.screening("sss").await;
    let ann = Visit::of(&cinema, "Ann", &screening).await;
    let first = ann.paying(&cinema, "A1 A2").await;
    ann.pay_by_phone(&first).await;
    ann.cancel(first.id).await;
    let second = ann.started(cinema.payment_id()).await;
    ann.report(first.id).await;
    assert_eq!(ann.find(first.id).await.status, PaymentStatus::Refunded);
    assert_eq!(ann.hold().await.payment, Some(second.id), "the payment lock of the new payment stays");
    ann.paid(second.id).await;
    cinema.come_to_rest().await;
    cinema.check_books(&[screening.screening.id], &[first.id, second.id]).await;
}

#[tokio::test]
async fn late_payment_is_sold_while_its_payer_pays_for_other_seats() {
    let cinema = TestOffice::new();
    let screening = cinema.screening("sss").await;
    let ann = Visit::of(&cinema, "Ann", &screening).await;
    let first = ann.paying(&cinema, "A1").await;
    ann.pay_by_phone(&first).await;
    cinema.pass(PAYMENT_TTL);
    let second = ann.paying(&cinema, "A2").await;
    ann.report(first.id).await;
    assert_eq!(ann.find(first.id).await.status, PaymentStatus::Succeeded);
    ann.paid(second.id).await;
    cinema.come_to_rest().await;
    cinema.check_books(&[screening.screening.id], &[first.id, second.id]).await;
}

#[tokio::test]
async fn cancelled_payment_is_sold_when_it_is_paid_and_the_payer_holds_the_seats() {
    let cinema = TestOffice::new();
    let screening = cinema.screening("sss").await;
    let ann = Visit::of(&cinema, "Ann", &screening).await;
    let payment = ann.paying(&cinema, "A1").await;
    ann.pay_by_phone(&payment).await;
    ann.cancel(payment.id).await;
    ann.report(payment.id).await;
    assert_eq!(ann.find(payment.id).await.status, PaymentStatus::Succeeded);
    cinema.come_to_rest().await;
    cinema.check_books(&[screening.screening.id], &[payment.id]).await;
}

#[tokio::test]
async fn late_payment_for_a_deleted_screening_is_refunded() {
    let cinema = TestOffice::new();
    let screening = cinema.screening("sss").await;
    let ann = Visit::of(&cinema, "Ann", &screening).await;
    let payment = ann.paying(&cinema, "A1").await;
    cinema.pass(PAYMENT_TTL);
    cinema.come_to_rest().await;
    cinema.change(ProgrammeChange::DeleteScreening(screening.screening.id)).await;
    cinema.office.follow_programme().await.expect("the store works");
    ann.pay_by_phone(&payment).await;
    ann.report(payment.id).await;
    assert_eq!(ann.find(payment.id).await.status, PaymentStatus::Refunded);
    cinema.come_to_rest().await;
    cinema.check_books(&[screening.screening.id], &[payment.id]).await;
}

#[tokio::test]
async fn late_payment_is_refunded_after_sales_have_closed_and_frees_its_seats() {
    let cinema = TestOffice::new();
    let screening = cinema.screening("sss").await;
    let ann = Visit::of(&cinema, "Ann", &screening).await;
    let mut late = Vec::new();
    for seat in ["A1", "A2"] {
        let payment = ann.paying(&cinema, seat).await;
        ann.pay_by_phone(&payment).await;
        cinema.pass(PAYMENT_TTL);
        cinema.work().await;
        late.push(payment);
    }
    // The last moment at which a late payment is sold; one moment later it is refunded.
    let until_start = screening.sales_close_at.duration_since(cinema.office.now());
    cinema.pass(until_start - SignedDuration::from_millis(1));
    ann.report(late[0].id).await;
    assert_eq!(ann.find(late[0].id).await.status, PaymentStatus::Succeeded);
    cinema.pass(SignedDuration::from_millis(1));
    for _ in 0..2 {
        ann.report(late[1].id).await;
        assert_eq!(ann.find(late[1].id).await.status, PaymentStatus::Refunded);
    }
    let answer = ann.confirm(late[1].id, ConfirmOutcome::Success).await;
    assert!(matches!(answer, ConfirmAnswer::SeatsLost(_)), "{answer:?}");
    assert_eq!(ann.hold().await.seats, [], "no seat of the refunded payment stays locked");
    cinema.come_to_rest().await;
    assert_eq!(cinema.office.provider.find(late[1].id).await.expect("the provider works"), ProviderAnswer::Voided);
    let reasons: Vec<String> = cinema.events().await.into_iter().filter_map(refund_reason).collect();
    assert_eq!(reasons, ["sales_closed"]);
    cinema.check_books(&[screening.screening.id], &[late[0].id, late[1].id]).await;
}

fn refund_reason(event: Event) -> Option<String> {
    match event.kind {
        EventKind::PaymentRefunded { reason, .. } => Some(reason),
        _ => None,
    }
}

#[tokio::test]
async fn payment_confirmed_before_sales_closed_is_sold_when_its_outcome_is_late() {
    let cinema = TestOffice::new();
    let screening = cinema.screening("sss").await;
    let ann = Visit::of(&cinema, "Ann", &screening).await;
    let until_start = screening.sales_close_at.duration_since(cinema.office.now());
    cinema.pass(until_start - SignedDuration::from_secs(2));
    let payment = ann.paying(&cinema, "A1").await;
    cinema.pass(SignedDuration::from_secs(1));
    cinema.faults.set(MockFaults { refuse_authorise_first_n: 1, ..MockFaults::default() });
    let answer = ann.confirm(payment.id, ConfirmOutcome::Success).await;
    assert!(matches!(answer, ConfirmAnswer::Unknown(_)), "{answer:?}");
    cinema.pass(SignedDuration::from_secs(30));
    cinema.faults.set(MockFaults::default());
    cinema.work().await;
    assert_eq!(ann.find(payment.id).await.status, PaymentStatus::Succeeded);
    cinema.come_to_rest().await;
    cinema.check_books(&[screening.screening.id], &[payment.id]).await;
}

#[tokio::test]
async fn payment_by_phone_is_sold_without_a_confirmation_by_the_page() {
    let cinema = TestOffice::new();
    let screening = cinema.screening("sss").await;
    let ann = Visit::of(&cinema, "Ann", &screening).await;
    let payment = ann.paying(&cinema, "A1").await;
    ann.pay_by_phone(&payment).await;
    ann.report(payment.id).await;
    assert_eq!(ann.find(payment.id).await.status, PaymentStatus::Succeeded);
    cinema.come_to_rest().await;
    cinema.check_books(&[screening.screening.id], &[payment.id]).await;
}

#[tokio::test]
async fn refund_by_the_provider_refunds_the_booking_and_frees_the_seats() {
    let cinema = TestOffice::new();
    let screening = cinema.screening("sss").await;
    let (ann, bob) = (Visit::of(&cinema, "Ann", &screening).await, Visit::of(&cinema, "Bob", &screening).await);
    let booking = ann.bought(&cinema, "A1 A2").await;
    let id = booking.payment_id;
    let refunded = cinema.office.provider.give_back(id).await.expect("the provider works");
    assert_eq!(refunded, ProviderAnswer::Refunded);
    // While the lock store is unavailable, the refund is stored; the reconciler updates the seat map later.
    cinema.weather.set(true, false, 0);
    let reported = seatkeeper_core::box_office::provider_reported(&cinema.office, id).await;
    assert!(reported.expect("the store works"), "the payment is known");
    assert!(matches!(ann.try_lock("A1").await, Err(error) if error.retryable));
    cinema.weather.set(false, false, 0);
    assert_eq!(ann.find(id).await.status, PaymentStatus::Refunded);
    cinema.work().await;
    let his = bob.bought(&cinema, "A1 A2").await;
    ann.report(id).await;
    cinema.come_to_rest().await;
    cinema.check_books(&[screening.screening.id], &[id, his.payment_id]).await;
    let refunds = cinema.events().await;
    let refund = refunds.iter().find_map(|event| match &event.kind {
        EventKind::PaymentRefunded { booking_id, .. } => Some(*booking_id),
        _ => None,
    });
    assert_eq!(refund, Some(Some(booking.id)));
}

#[tokio::test]
async fn sold_seat_does_not_become_free_when_the_lock_store_missed_the_sale() {
    let cinema = TestOffice::new();
    let screening = cinema.screening("sss").await;
    let (ann, bob) = (Visit::of(&cinema, "Ann", &screening).await, Visit::of(&cinema, "Bob", &screening).await);
    let payment = ann.paying(&cinema, "A1").await;
    cinema.weather.set(true, false, 0);
    ann.paid(payment.id).await;
    cinema.weather.set(false, false, 0);
    cinema.work().await;
    cinema.pass(PAYMENT_TTL + SignedDuration::from_secs(1));
    cinema.work().await;
    assert!(matches!(bob.lock("A1").await, LockOutcome::SeatsTaken(_)), "the map shows the seat as sold");
    cinema.come_to_rest().await;
    cinema.check_books(&[screening.screening.id], &[payment.id]).await;
}
