//! Races in which another call changes the state between a read and the write that depends on it.

use std::sync::Arc;

use jiff::SignedDuration;
use seatkeeper_core::{
    box_office::{StartPaymentOutcome, confirm_payment, list_unfinished, load_screening},
    catalogue::Screening,
    event::{Event, EventKind},
    ids::HallId,
    locks::SeatStatus,
    payment::{ConfirmOutcome, Payment, PaymentStatus},
    ports::{ConfirmStart, ProgrammeChange},
};
use seatkeeper_testing::hall_of;
use tokio::task::JoinSet;

use crate::{
    office::{PAYMENT_TTL, TestOffice, seats},
    steps::Stepper,
    visit::Visit,
};

const CROWD: usize = 300;

/// As after a restart, the seat map is not loaded, and many people lock seats at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_locks_succeed_when_the_map_is_not_loaded() {
    let cinema = TestOffice::new();
    let row = "s".repeat(CROWD / 6);
    let screening = cinema.screening(&[row.as_str(); 6].join("/")).await;
    let mut visits = Vec::new();
    for number in 0..CROWD {
        visits.push(Visit::of(&cinema, &format!("Person {number}"), &screening).await);
    }
    let mut crowd = JoinSet::new();
    for (number, visit) in visits.into_iter().enumerate() {
        let seat = format!("{}{}", char::from(b'A' + (number % 6) as u8), number / 6 + 1);
        crowd.spawn(async move { visit.locked(&seat).await.seats.len() });
    }
    assert_eq!(crowd.join_all().await, [1; CROWD]);
}

/// A confirmation stops after its commit, as when the store's answer is lost, and is repeated.
#[tokio::test]
async fn repeated_confirmation_of_a_sale_shows_its_seats_as_sold() {
    let cinema = TestOffice::new();
    let screening = cinema.screening("ss").await;
    let ann = Visit::of(&cinema, "Ann", &screening).await;
    let payment = ann.paying(&cinema, "A1").await;
    let (office, person, id) = (Arc::clone(&cinema.office), ann.person, payment.id);
    let mut first =
        Stepper::new(async move { confirm_payment(&office, person, id, ConfirmOutcome::Success).await.is_ok() });
    assert_eq!(first.arrive().await, None);
    while ann.find(id).await.status != PaymentStatus::Succeeded {
        assert_eq!(first.go_on().await, None, "the seats are sold before the end");
    }
    drop(first);
    ann.paid(id).await;
    let map = cinema.office.locks.snapshot(payment.screening_id).await.expect("the locks work").expect("a map");
    let sold: Vec<_> = map.seats.iter().filter(|seat| seat.status == SeatStatus::Booked).map(|seat| seat.id).collect();
    assert_eq!(sold, seats("A1"));
}

impl Visit {
    /// A CONFIRMING payment whose confirmation was stopped, and which the provider will decline.
    async fn confirming(&self, cinema: &TestOffice, names: &str) -> Payment {
        let payment = self.paying(cinema, names).await;
        let begun =
            self.office.stores.ledger.begin_confirming(payment.id, ConfirmOutcome::Decline, self.office.now()).await;
        match begun.expect("the store works") {
            ConfirmStart::Confirming(payment) => payment,
            other => panic!("the payment should be CONFIRMING: {other:?}"),
        }
    }

    /// Asserts that the payment is declined, has no payment lock, and its seat stays locked until the payment's expiry.
    async fn holds_until_the_end_of(&self, payment: &Payment) {
        assert_eq!(self.find(payment.id).await.status, PaymentStatus::Declined);
        let hold = self.office.locks.find_hold(payment.screening_id, self.person).await.expect("the locks work");
        assert_eq!(hold.payment, None);
        let until: Vec<i64> = hold.seats.iter().map(|seat| seat.until).collect();
        assert_eq!(until, [payment.expires_at.as_millisecond()]);
    }
}

#[tokio::test]
async fn payment_lock_of_a_payment_declined_during_a_load_is_not_restored() {
    let cinema = TestOffice::new();
    let screening = cinema.screening("sss").await;
    let ann = Visit::of(&cinema, "Ann", &screening).await;
    let payment = ann.confirming(&cinema, "A1").await;
    cinema.lose_locks();
    let (office, id) = (cinema.office.clone(), screening.screening.id);
    let mut loading = Stepper::new(async move { load_screening(&office, id, 0).await });
    assert!(loading.arrive().await.is_none(), "before the store is read");
    assert!(loading.go_on().await.is_none(), "before the map is loaded");
    ann.confirm(payment.id, ConfirmOutcome::Decline).await;
    while loading.go_on().await.is_none() {}
    ann.holds_until_the_end_of(&payment).await;
}

#[tokio::test]
async fn payment_lock_of_a_payment_declined_during_an_extension_is_not_restored() {
    let cinema = TestOffice::new();
    let screening = cinema.screening("sss").await;
    let ann = Visit::of(&cinema, "Ann", &screening).await;
    let payment = ann.confirming(&cinema, "A1").await;
    cinema.pass(PAYMENT_TTL - SignedDuration::from_secs(20));
    let office = cinema.office.clone();
    let mut keeping = Stepper::new(async move { list_unfinished(&office, None).await });
    assert!(keeping.arrive().await.is_none(), "before the store is read");
    assert!(keeping.go_on().await.is_none(), "before the locks are extended");
    ann.confirm(payment.id, ConfirmOutcome::Decline).await;
    while keeping.go_on().await.is_none() {}
    ann.holds_until_the_end_of(&payment).await;
}

/// A consumer that follows the event log must not end with a sold seat shown as released.
#[tokio::test]
async fn release_is_published_before_a_later_sale_of_the_seat() {
    let cinema = TestOffice::new();
    let screening = cinema.screening("sss").await;
    let (ann, bob) = (Visit::of(&cinema, "Ann", &screening).await, Visit::of(&cinema, "Bob", &screening).await);
    ann.locked("A1 A2").await;
    ann.release_all().await;
    ann.locked("A3").await;
    ann.release_all().await;
    bob.bought(&cinema, "A2").await;
    cinema.come_to_rest().await;
    let word = |event: &Event| {
        let (word, seats) = match &event.kind {
            EventKind::SeatReleased { seat_ids, .. } => ("released", seat_ids),
            EventKind::BookingSuccess { seat_ids, .. } => ("sold", seat_ids),
            _ => return None,
        };
        Some(format!("{word} {}", seats.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")))
    };
    let told: Vec<String> = cinema.events().await.iter().filter_map(word).collect();
    assert_eq!(told, ["released A1 A2", "sold A2", "released A3"]);
}

/// A race: the seats were locked while the screening was moved to a smaller hall.
#[tokio::test]
async fn other_held_seats_can_be_paid_after_one_is_missing_in_the_new_hall() {
    let cinema = TestOffice::new();
    let screening = cinema.screening("sss/sss").await;
    let ann = Visit::of(&cinema, "Ann", &screening).await;
    ann.locked("A1 B1").await;
    let small = hall_of(HallId::from_uuid(cinema.entropy.next_uuid()), "Small hall", "ss");
    let moved = Screening {
        hall_id: small.id,
        hall_name: small.name.clone(),
        hall_name_th: small.name_th.clone(),
        layout: small.layout.clone(),
        ..screening.screening.clone()
    };
    cinema.change(ProgrammeChange::PutHall(small, 0)).await;
    cinema.change(ProgrammeChange::PutScreening(moved, 1)).await;
    assert_eq!(ann.start(cinema.payment_id()).await, StartPaymentOutcome::SeatsTaken(seats("B1")));
    let payment = ann.started(cinema.payment_id()).await;
    assert_eq!(payment.seat_ids(), seats("A1"));
    ann.paid(payment.id).await;
}
