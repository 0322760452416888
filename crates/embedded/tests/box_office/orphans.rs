//! State that a crash leaves behind: payment locks without payments, claims without locks, payments without a running
//! request.

use std::sync::Arc;

use jiff::SignedDuration;
use seatkeeper_core::{
    box_office::{
        ChangeOutcome, Editor, LockOutcome, ReleaseOutcome, StartPaymentOutcome, UNFINISHED_PAYMENTS_MAX,
        confirm_payment, delete_screening,
    },
    locks::{Hold, StartReply},
    payment::{ConfirmOutcome, PaymentStatus},
};
use seatkeeper_embedded::mock_provider::MockFaults;

use crate::{
    office::{LOCK_TTL, PAYMENT_TTL, TestOffice, seats},
    reconciler::resume_unfinished,
    steps::Stepper,
    visit::Visit,
};

#[tokio::test]
async fn payment_lock_without_a_payment_is_removed_by_a_call_after_ten_seconds() {
    let cinema = TestOffice::new();
    let screening = cinema.screening("sss").await;
    let ann = Visit::of(&cinema, "Ann", &screening).await;
    ann.locked("A1").await;
    // The server crashes after it has set the payment lock and before it writes the payment.
    let orphan = cinema.payment_id();
    let ttl_ms = PAYMENT_TTL.as_millis() as i64;
    let started = ann.office.locks.start_payment(screening.screening.id, ann.person, orphan, ttl_ms).await;
    assert!(matches!(started, Ok(StartReply::Started(_))), "{started:?}");
    assert_eq!(ann.hold().await.payment, None, "a hold does not name a missing payment");
    cinema.pass(SignedDuration::from_millis(9_999));
    assert!(matches!(ann.lock("A2").await, LockOutcome::PaymentInProgress(lock) if lock.payment == orphan));
    assert!(matches!(ann.release_all().await, ReleaseOutcome::PaymentInProgress(_)));
    assert_eq!(ann.start(cinema.payment_id()).await, StartPaymentOutcome::PaymentInProgress(orphan));
    cinema.pass(SignedDuration::from_millis(1));
    assert_eq!(ann.locked("A2").await.payment, None);
    let payment = ann.started(cinema.payment_id()).await;
    ann.paid(payment.id).await;
    cinema.come_to_rest().await;
    cinema.check_books(&[screening.screening.id], &[payment.id, orphan]).await;
}

#[tokio::test]
async fn payment_lock_of_a_finished_payment_is_removed_by_the_next_lock_call() {
    let cinema = TestOffice::new();
    let screening = cinema.screening("sss").await;
    let ann = Visit::of(&cinema, "Ann", &screening).await;
    let payment = ann.paying(&cinema, "A1").await;
    // The lock store fails while the payment is declined, so that the payment lock stays.
    cinema.weather.set(true, false, 0);
    ann.confirm(payment.id, ConfirmOutcome::Decline).await;
    cinema.weather.set(false, false, 0);
    assert_eq!(ann.hold().await.payment, None, "the payment is not in progress, although its payment lock exists");
    ann.locked("A2").await;
    assert!(matches!(ann.release_all().await, ReleaseOutcome::Left(hold) if hold.seats.is_empty()));
    cinema.come_to_rest().await;
    cinema.check_books(&[screening.screening.id], &[payment.id]).await;
}

#[tokio::test]
async fn lost_locks_are_restored_from_claims() {
    let cinema = TestOffice::new();
    let screening = cinema.screening("sssss").await;
    let (ann, bob) = (Visit::of(&cinema, "Ann", &screening).await, Visit::of(&cinema, "Bob", &screening).await);
    let sold = bob.bought(&cinema, "A5").await.payment_id;
    let payment = ann.paying(&cinema, "A1 A2").await;
    bob.locked("A3").await;
    cinema.lose_locks();
    assert!(matches!(bob.lock("A1").await, LockOutcome::SeatsTaken(taken) if taken.len() == 1));
    assert!(matches!(bob.lock("A5").await, LockOutcome::SeatsTaken(_)), "a sold seat is taken too");
    let hold = ann.hold().await;
    assert_eq!((hold.seats.len(), hold.payment), (2, Some(payment.id)));
    assert_eq!(hold.expires_at(), Some(payment.expires_at.as_millisecond()));
    assert_eq!(bob.hold().await.seats, [], "a lock without a claim is lost with the lock store");
    ann.paid(payment.id).await;
    cinema.come_to_rest().await;
    cinema.check_books(&[screening.screening.id], &[sold, payment.id]).await;
}

#[tokio::test]
async fn locks_restored_while_confirming_expire_with_the_payment_after_a_decline() {
    let cinema = TestOffice::new();
    let screening = cinema.screening("sss").await;
    let (ann, bob) = (Visit::of(&cinema, "Ann", &screening).await, Visit::of(&cinema, "Bob", &screening).await);
    let payment = ann.paying(&cinema, "A1").await;
    cinema.faults.set(MockFaults { refuse_authorise_first_n: 1, ..MockFaults::default() });
    ann.confirm(payment.id, ConfirmOutcome::Decline).await;
    cinema.lose_locks();
    assert!(matches!(bob.lock("A1").await, LockOutcome::SeatsTaken(_)), "this call loads the claim");
    cinema.work().await;
    assert_eq!(ann.find(payment.id).await.status, PaymentStatus::Declined);
    assert_eq!(
        ann.hold().await.expires_at(),
        Some(payment.expires_at.as_millisecond()),
        "not ten minutes, the limit of confirming"
    );
    cinema.pass(PAYMENT_TTL);
    bob.locked("A1").await;
}

#[tokio::test]
async fn claim_of_a_confirming_payment_does_not_expire_when_its_lock_is_lost() {
    let cinema = TestOffice::new();
    let screening = cinema.screening("sss").await;
    let (ann, bob) = (Visit::of(&cinema, "Ann", &screening).await, Visit::of(&cinema, "Bob", &screening).await);
    let payment = ann.paying(&cinema, "A1").await;
    cinema.faults.set(MockFaults { refuse_authorise_first_n: 1, ..MockFaults::default() });
    ann.confirm(payment.id, ConfirmOutcome::Success).await;
    cinema.pass(PAYMENT_TTL + SignedDuration::from_secs(1));
    cinema.lose_locks();
    assert!(matches!(bob.lock("A1").await, LockOutcome::SeatsTaken(_)));
    cinema.work().await;
    ann.paid(payment.id).await;
    cinema.come_to_rest().await;
    cinema.check_books(&[screening.screening.id], &[payment.id]).await;
}

#[tokio::test]
async fn payment_for_a_claimed_seat_is_refused_by_the_store_and_corrects_the_map() {
    let cinema = TestOffice::new();
    let screening = cinema.screening("sss").await;
    let (ann, bob) = (Visit::of(&cinema, "Ann", &screening).await, Visit::of(&cinema, "Bob", &screening).await);
    let payment = ann.paying(&cinema, "A1").await;
    // The lock store loses the locks of one person.
    let (locks, id) = (&cinema.office.locks, screening.screening.id);
    locks.end_payment(id, ann.person, payment.id).await.expect("the locks work");
    locks.release(id, ann.person, None).await.expect("the locks work");
    bob.locked("A1").await;
    assert_eq!(bob.start(cinema.payment_id()).await, StartPaymentOutcome::SeatsTaken(seats("A1")));
    assert!(matches!(bob.lock("A1").await, LockOutcome::SeatsTaken(_)), "the map has been corrected");
    assert_eq!(bob.locked("A2").await.payment, None, "the refused person has no payment lock");
    ann.paid(payment.id).await;
    cinema.come_to_rest().await;
    cinema.check_books(&[screening.screening.id], &[payment.id]).await;
}

#[tokio::test]
async fn confirmation_in_the_last_moment_keeps_its_locks_when_the_reconciler_races() {
    let cinema = TestOffice::new();
    let screening = cinema.screening("sss").await;
    let (ann, bob) = (Visit::of(&cinema, "Ann", &screening).await, Visit::of(&cinema, "Bob", &screening).await);
    let payment = ann.paying(&cinema, "A1").await;
    cinema.pass(PAYMENT_TTL - SignedDuration::from_millis(1));
    let (office, person) = (Arc::clone(&cinema.office), ann.person);
    let mut confirm =
        Stepper::new(async move { confirm_payment(&office, person, payment.id, ConfirmOutcome::Success).await });
    // The confirmation stops before it writes to the store: the payment has not expired yet.
    assert!(confirm.arrive().await.is_none() && confirm.go_on().await.is_none());
    cinema.pass(SignedDuration::from_millis(1));
    let office = Arc::clone(&cinema.office);
    let mut resume = Stepper::new(async move { resume_unfinished(&office).await });
    // The reconciler has read the payment as overdue, and stops.
    assert!(resume.arrive().await.is_none() && resume.go_on().await.is_none());
    assert!(confirm.go_on().await.is_none());
    assert_eq!(ann.find(payment.id).await.status, PaymentStatus::Confirming);
    assert!(confirm.go_on().await.is_none(), "the locks are extended");
    while resume.go_on().await.is_none() {}
    assert!(matches!(bob.lock("A1").await, LockOutcome::SeatsTaken(_)));
    while confirm.go_on().await.is_none() {}
    ann.paid(payment.id).await;
    cinema.come_to_rest().await;
    cinema.check_books(&[screening.screening.id], &[payment.id]).await;
}

#[tokio::test]
async fn locks_survive_a_restart_of_the_lock_store() {
    let cinema = TestOffice::new();
    let screening = cinema.screening("sss").await;
    let (ann, bob) = (Visit::of(&cinema, "Ann", &screening).await, Visit::of(&cinema, "Bob", &screening).await);
    let held = bob.locked("A3").await;
    let payment = ann.paying(&cinema, "A1").await;
    let before = ann.hold().await;
    cinema.restart_locks();
    let after = ann.hold().await;
    assert_eq!(after, Hold { seq: after.seq, ..before });
    let again = bob.locked("A3").await;
    assert_eq!(again, Hold { seq: again.seq, ..held });
    assert!(matches!(bob.lock("A1").await, LockOutcome::SeatsTaken(_)));
    cinema.pass(LOCK_TTL);
    cinema.restart_locks();
    assert_eq!(bob.hold().await.seats, []);
    ann.paid(payment.id).await;
    cinema.come_to_rest().await;
    cinema.check_books(&[screening.screening.id], &[payment.id]).await;
}

#[tokio::test]
async fn screening_with_seat_locks_cannot_be_deleted_after_a_restart_of_the_lock_store() {
    let cinema = TestOffice::new();
    let screening = cinema.screening("sss").await;
    let ann = Visit::of(&cinema, "Ann", &screening).await;
    let editor = Editor { person: ann.person, request_id: None };
    ann.locked("A1").await;
    cinema.restart_locks();
    let refused = delete_screening(&cinema.office, editor, screening.screening.id).await.expect("the parts work");
    assert_eq!(refused, ChangeOutcome::HasBookings);
    assert_eq!(ann.hold().await.seats.len(), 1);
    cinema.pass(LOCK_TTL);
    let deleted = delete_screening(&cinema.office, editor, screening.screening.id).await.expect("the parts work");
    assert_eq!(deleted, ChangeOutcome::Done(()));
}

#[tokio::test]
async fn stuck_payments_do_not_keep_the_reconciler_from_others() {
    let cinema = TestOffice::new();
    let stuck = UNFINISHED_PAYMENTS_MAX as usize + 5;
    let screening = cinema.screening(&vec!["s".repeat(100); 3].join("/")).await;
    let mut payments = Vec::new();
    // The provider refuses captures, so that each of these sales keeps an open money task.
    cinema.faults.set(MockFaults { refuse_capture_first_n: u32::MAX, ..MockFaults::default() });
    let ann = Visit::of(&cinema, "Ann", &screening).await;
    for number in 0..stuck {
        let seat = format!("{}{}", ["A", "B", "C"][number / 100], number % 100 + 1);
        payments.push(ann.bought(&cinema, &seat).await.payment_id);
    }
    cinema.pass(SignedDuration::from_secs(1));
    let bob = Visit::of(&cinema, "Bob", &screening).await;
    let forgotten = bob.paying(&cinema, "C99").await.id;
    let carl = Visit::of(&cinema, "Carl", &screening).await;
    let doubtful = carl.paying(&cinema, "C98").await.id;
    let (office, person) = (Arc::clone(&cinema.office), carl.person);
    // The server crashes in the middle of a confirmation.
    let confirm = async move { confirm_payment(&office, person, doubtful, ConfirmOutcome::Success).await };
    let mut confirm = Stepper::new(confirm);
    let mut is_over = confirm.arrive().await.is_some();
    while !is_over && carl.find(doubtful).await.status == PaymentStatus::Pending {
        is_over = confirm.go_on().await.is_some();
    }
    drop(confirm);
    cinema.pass(PAYMENT_TTL);
    cinema.work().await;
    assert_eq!(bob.find(forgotten).await.status, PaymentStatus::Expired);
    assert_eq!(carl.find(doubtful).await.status, PaymentStatus::Succeeded);
    cinema.faults.set(MockFaults::default());
    payments.extend([forgotten, doubtful]);
    cinema.come_to_rest().await;
    cinema.check_books(&[screening.screening.id], &payments).await;
}
