//! Locking seats, starting payments, cancelling them.

use std::sync::Arc;

use jiff::SignedDuration;
use seatkeeper_core::{
    box_office::{CancelOutcome, ConfirmAnswer, LockOutcome, ReleaseOutcome, StartPaymentOutcome},
    ids::PaymentId,
    payment::{ConfirmOutcome, PaymentStatus},
};

use crate::{
    office::{LOCK_TTL, PAYMENT_TTL, TestOffice, seats},
    visit::Visit,
};

const BUYERS: usize = 1_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_of_a_thousand_concurrent_buyers_gets_the_seat() {
    let cinema = TestOffice::new();
    let screening = cinema.screening("s").await;
    let mut buyers = Vec::new();
    for number in 0..BUYERS {
        let person = seatkeeper_core::ids::PersonId::from_uuid(uuid::Uuid::from_u128(number as u128 + 1));
        let visit = Visit { office: Arc::clone(&cinema.office), person, screening: Arc::clone(&screening) };
        let id = cinema.payment_id();
        buyers.push(tokio::spawn(async move {
            match visit.lock("A1").await {
                LockOutcome::Held(_) => match visit.start(id).await {
                    StartPaymentOutcome::Started(payment) => Some(visit.paid(payment.id).await),
                    other => panic!("the holder pays: {other:?}"),
                },
                LockOutcome::SeatsTaken(taken) => {
                    assert_eq!(taken.as_slice(), seats("A1"));
                    None
                }
                other => panic!("{other:?}"),
            }
        }));
    }
    let mut winners = 0;
    for buyer in buyers {
        winners += usize::from(buyer.await.expect("a buyer").is_some());
    }
    assert_eq!(winners, 1);
    cinema.check_no_seat_is_sold_twice().await;
    cinema.check_map_after_load(screening.screening.id).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_locks_of_overlapping_seats_are_all_or_nothing() {
    let cinema = TestOffice::new();
    let screening = cinema.screening("sssssssssss").await;
    let names: Vec<String> = (1..=11).map(|number| format!("A{number}")).collect();
    let mut buyers = Vec::new();
    for first in 0..names.len() {
        // Each request overlaps with four others; every second one names its seats in reverse order.
        let mut wanted: Vec<&str> = (0..3).map(|next| names[(first + next) % names.len()].as_str()).collect();
        if first % 2 == 1 {
            wanted.reverse();
        }
        let wanted = wanted.join(" ");
        let visit = Visit::of(&cinema, &format!("buyer {first}"), &screening).await;
        buyers.push(tokio::spawn(async move {
            for _ in 0..20 {
                match visit.lock_as_staff(&wanted).await {
                    LockOutcome::Held(hold) => {
                        assert_eq!(hold.seats.len(), 3, "all of them");
                        visit.release_all().await;
                    }
                    LockOutcome::SeatsTaken(_) => assert_eq!(visit.hold().await.seats, [], "none of them"),
                    other => panic!("{other:?}"),
                }
            }
            visit.lock_as_staff(&wanted).await
        }));
    }
    let mut held = Vec::new();
    for buyer in buyers {
        if let LockOutcome::Held(hold) = buyer.await.expect("a buyer") {
            held.extend(hold.seats.into_iter().map(|seat| seat.id));
        }
    }
    let count = held.len();
    held.sort_unstable();
    held.dedup();
    assert_eq!(held.len(), count, "no seat is held by two people");
    assert!((3..=9).contains(&count), "one to three buyers hold their seats: {count}");
}

#[tokio::test]
async fn lock_call_retried_after_a_lost_answer_returns_the_same_lock() {
    let cinema = TestOffice::new();
    let screening = cinema.screening("sss").await;
    let ann = Visit::of(&cinema, "Ann", &screening).await;
    cinema.weather.set(false, false, 1_000);
    assert!(ann.try_lock("A1 A2").await.is_err(), "the answer is lost");
    cinema.weather.set(false, false, 0);
    let first = ann.locked("A1 A2").await;
    cinema.pass(SignedDuration::from_secs(60));
    assert_eq!(ann.locked("A1 A2").await, first, "the lock exists already and is not extended");
    assert_eq!(first.seats.len(), 2);
}

#[tokio::test]
async fn expiry_of_a_lock_restarts_only_at_the_first_payment() {
    let cinema = TestOffice::new();
    let screening = cinema.screening("sss").await;
    let ann = Visit::of(&cinema, "Ann", &screening).await;
    ann.locked("A1").await;
    cinema.pass(SignedDuration::from_secs(240));
    let first = ann.started(cinema.payment_id()).await;
    assert_eq!(first.expires_at, cinema.office.now() + PAYMENT_TTL, "the expiry is restarted");
    assert_eq!(
        ann.hold().await.expires_at(),
        Some(first.expires_at.as_millisecond()),
        "locks and payment expire together"
    );
    assert!(matches!(ann.cancel(first.id).await, CancelOutcome::Cancelled(_)));
    cinema.pass(SignedDuration::from_secs(60));
    ann.locked("A2").await;
    let second = ann.started(cinema.payment_id()).await;
    assert_eq!(
        second.expires_at, first.expires_at,
        "the payment expires with its earliest lock, which is not restarted again"
    );
    let until: Vec<i64> = ann.hold().await.seats.iter().map(|seat| seat.until).collect();
    let later = (cinema.office.now() + PAYMENT_TTL).as_millisecond();
    assert_eq!(until, [first.expires_at.as_millisecond(), later], "the lock of the second seat is restarted");
}

#[tokio::test]
async fn hold_cannot_be_changed_or_paid_twice_while_its_payment_runs() {
    let cinema = TestOffice::new();
    let screening = cinema.screening("sss").await;
    let ann = Visit::of(&cinema, "Ann", &screening).await;
    assert_eq!(ann.start(cinema.payment_id()).await, StartPaymentOutcome::NothingLocked);
    let payment = ann.paying(&cinema, "A1").await;
    assert!(matches!(ann.lock("A2").await, LockOutcome::PaymentInProgress(lock) if lock.payment == payment.id));
    assert!(matches!(ann.release_all().await, ReleaseOutcome::PaymentInProgress(_)));
    assert_eq!(ann.start(cinema.payment_id()).await, StartPaymentOutcome::PaymentInProgress(payment.id));
    assert_eq!(ann.started(payment.id).await, payment, "the same id gives the same payment");
    let booking = ann.paid(payment.id).await;
    assert_eq!(ann.paid(payment.id).await, booking, "the same outcome gives the same answer");
    assert!(matches!(ann.cancel(payment.id).await, CancelOutcome::NotPending(_)));
    let decline = ann.confirm(payment.id, ConfirmOutcome::Decline).await;
    assert!(matches!(decline, ConfirmAnswer::NotPending(_)), "{decline:?}");
    cinema.come_to_rest().await;
    cinema.check_books(&[screening.screening.id], &[payment.id]).await;
}

#[tokio::test]
async fn seats_of_a_declined_payment_stay_locked_until_their_own_expiry() {
    let cinema = TestOffice::new();
    let screening = cinema.screening("sss").await;
    let (ann, bob) = (Visit::of(&cinema, "Ann", &screening).await, Visit::of(&cinema, "Bob", &screening).await);
    let payment = ann.paying(&cinema, "A1 A2").await;
    cinema.pass(PAYMENT_TTL - SignedDuration::from_secs(5));
    // Confirmed so late that the confirmation extends the locks.
    let declined = ann.confirm(payment.id, ConfirmOutcome::Decline).await;
    assert!(matches!(declined, ConfirmAnswer::Declined(_)), "{declined:?}");
    let again = ann.confirm(payment.id, ConfirmOutcome::Decline).await;
    assert_eq!(again, declined, "the same outcome gives the same answer");
    let hold = ann.hold().await;
    assert_eq!((hold.expires_at(), hold.payment), (Some(payment.expires_at.as_millisecond()), None));
    assert!(matches!(bob.lock("A1").await, LockOutcome::SeatsTaken(_)));
    cinema.pass(SignedDuration::from_secs(5));
    bob.locked("A1").await;
    cinema.come_to_rest().await;
    cinema.check_books(&[screening.screening.id], &[payment.id]).await;
}

#[tokio::test]
async fn seats_locked_at_different_times_keep_their_own_expiry_after_a_decline() {
    let cinema = TestOffice::new();
    let screening = cinema.screening("sss").await;
    let ann = Visit::of(&cinema, "Ann", &screening).await;
    let first = ann.paying(&cinema, "A1").await;
    ann.cancel(first.id).await;
    cinema.pass(SignedDuration::from_secs(240));
    let second = ann.paying(&cinema, "A2").await;
    let times = ann.hold().await.seats;
    assert!(times[0].until < times[1].until);
    cinema.pass(SignedDuration::from_secs(115));
    let declined = ann.confirm(second.id, ConfirmOutcome::Decline).await;
    assert!(matches!(declined, ConfirmAnswer::Declined(_)), "{declined:?}");
    assert_eq!(ann.hold().await.seats, times, "each expiry is the same as before the confirmation");
}

#[tokio::test]
async fn seats_of_a_cancelled_payment_stay_locked_and_can_be_paid_again() {
    let cinema = TestOffice::new();
    let screening = cinema.screening("sss").await;
    let (ann, bob) = (Visit::of(&cinema, "Ann", &screening).await, Visit::of(&cinema, "Bob", &screening).await);
    let payment = ann.paying(&cinema, "A1").await;
    assert_eq!(bob.cancel(payment.id).await, CancelOutcome::NotFound, "only the owner sees it");
    let cancelled = ann.cancel(payment.id).await;
    assert!(matches!(&cancelled, CancelOutcome::Cancelled(over) if over.status == PaymentStatus::Cancelled));
    assert_eq!(ann.cancel(payment.id).await, cancelled, "cancelling again gives the same answer");
    assert_eq!(ann.hold().await.payment, None);
    assert!(matches!(bob.lock("A1").await, LockOutcome::SeatsTaken(_)));
    let success = ann.confirm(payment.id, ConfirmOutcome::Success).await;
    assert!(matches!(success, ConfirmAnswer::NotPending(_)), "{success:?}");
    let second = ann.started(cinema.payment_id()).await;
    ann.paid(second.id).await;
    cinema.come_to_rest().await;
    cinema.check_books(&[screening.screening.id], &[payment.id, second.id]).await;
}

#[tokio::test]
async fn expired_payment_frees_its_seats_and_cannot_be_confirmed() {
    let cinema = TestOffice::new();
    let screening = cinema.screening("sss").await;
    let (ann, bob) = (Visit::of(&cinema, "Ann", &screening).await, Visit::of(&cinema, "Bob", &screening).await);
    let payment = ann.paying(&cinema, "A1").await;
    cinema.pass(PAYMENT_TTL - SignedDuration::from_millis(1));
    assert!(matches!(bob.lock("A1").await, LockOutcome::SeatsTaken(_)));
    cinema.pass(SignedDuration::from_millis(1));
    // Another person locks the seat whose lock has expired, without a sweep before, and may pay.
    let his = bob.paying(&cinema, "A1").await;
    let late = ann.confirm(payment.id, ConfirmOutcome::Success).await;
    assert!(matches!(late, ConfirmAnswer::Expired(_)), "{late:?}");
    assert_eq!(cinema.book.find_entry(payment.id).await.expect("the books open"), None, "the provider was not asked");
    assert!(matches!(ann.cancel(payment.id).await, CancelOutcome::NotPending(_)));
    bob.paid(his.id).await;
    cinema.come_to_rest().await;
    cinema.check_books(&[screening.screening.id], &[payment.id, his.id]).await;
}

#[tokio::test]
async fn release_of_an_expired_lock_is_published_once() {
    let cinema = TestOffice::new();
    let screening = cinema.screening("sss").await;
    let (ann, bob) = (Visit::of(&cinema, "Ann", &screening).await, Visit::of(&cinema, "Bob", &screening).await);
    ann.locked("A1 A2").await;
    cinema.pass(LOCK_TTL);
    bob.locked("A2").await;
    cinema.come_to_rest().await;
    let events = cinema.events().await;
    let released =
        events.iter().filter(|event| event.kind.type_name() == "SEAT_RELEASED" && event.actor == Some(ann.person));
    let seats: usize = released
        .map(|event| match &event.kind {
            seatkeeper_core::event::EventKind::SeatReleased { seat_ids, .. } => seat_ids.len(),
            _ => 0,
        })
        .sum();
    assert_eq!(seats, 2);
    let none: [PaymentId; 0] = [];
    cinema.check_books(&[screening.screening.id], &none).await;
}
