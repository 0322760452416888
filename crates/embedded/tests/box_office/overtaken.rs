//! Whoever reads and writes afterwards may be overtaken in between: by a crowd, or by the one who decides a payment.

use jiff::SignedDuration;
use seatkeeper_core::{
    box_office::{StartPaymentOutcome, list_unfinished, load_screening},
    catalogue::Screening,
    event::{Event, EventKind},
    ids::HallId,
    payment::{ConfirmOutcome, Payment, PaymentStatus},
    ports::{ConfirmStart, ProgrammeChange},
    testing::hall_of,
};
use tokio::task::JoinSet;

use crate::{
    office::{PAYMENT_TTL, TestOffice, seats},
    steps::Stepper,
    visit::Visit,
};

const CROWD: usize = 300;

/// After a restart no map is loaded, and everybody comes at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_crowd_at_a_map_that_is_not_loaded_is_served() {
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

impl Visit {
    /// A payment that is being confirmed by nobody, and that the provider will decline.
    async fn confirming(&self, cinema: &TestOffice, names: &str) -> Payment {
        let payment = self.paying(cinema, names).await;
        let begun = self.office.ledger.begin_confirming(payment.id, ConfirmOutcome::Decline, self.office.now()).await;
        match begun.expect("the store works") {
            ConfirmStart::Confirming(payment) => payment,
            other => panic!("it should be confirming: {other:?}"),
        }
    }

    /// Nothing is left of the payment but the seats' own time.
    async fn holds_until_the_end_of(&self, payment: &Payment) {
        assert_eq!(self.find(payment.id).await.status, PaymentStatus::Declined);
        let hold = self.office.locks.find_hold(payment.screening_id, self.person).await.expect("the locks work");
        assert_eq!(hold.payment, None);
        let until: Vec<i64> = hold.seats.iter().map(|seat| seat.until).collect();
        assert_eq!(until, [payment.expires_at.as_millisecond()]);
    }
}

#[tokio::test]
async fn a_payment_declined_while_the_map_was_loaded_does_not_come_back() {
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
async fn a_payment_declined_while_its_seats_were_kept_does_not_come_back() {
    let cinema = TestOffice::new();
    let screening = cinema.screening("sss").await;
    let ann = Visit::of(&cinema, "Ann", &screening).await;
    let payment = ann.confirming(&cinema, "A1").await;
    cinema.pass(PAYMENT_TTL - SignedDuration::from_secs(20));
    let office = cinema.office.clone();
    let mut keeping = Stepper::new(async move { list_unfinished(&office, None).await });
    assert!(keeping.arrive().await.is_none(), "before the store is read");
    assert!(keeping.go_on().await.is_none(), "before the seats are kept");
    ann.confirm(payment.id, ConfirmOutcome::Decline).await;
    while keeping.go_on().await.is_none() {}
    ann.holds_until_the_end_of(&payment).await;
}

/// Whoever follows the log must not end with a sold seat shown as free.
#[tokio::test]
async fn a_release_is_told_before_the_sale_that_followed_it() {
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

/// A lock that was granted in the moment in which its screening moved to another hall.
#[tokio::test]
async fn a_seat_that_is_not_there_any_more_keeps_nobody_from_paying_for_the_others() {
    let cinema = TestOffice::new();
    let screening = cinema.screening("sss/sss").await;
    let ann = Visit::of(&cinema, "Ann", &screening).await;
    ann.locked("A1 B1").await;
    let small = hall_of(HallId::from_uuid(cinema.entropy.next_uuid()), "Small hall", "ss");
    let moved = Screening {
        hall_id: small.id,
        hall_name: small.name.clone(),
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
