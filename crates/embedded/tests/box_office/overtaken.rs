//! Whoever reads and writes afterwards may be overtaken in between: by a crowd, or by the one who decides a payment.

use jiff::SignedDuration;
use seatkeeper_core::{
    box_office::{list_unfinished, load_screening},
    payment::{ConfirmOutcome, Payment, PaymentStatus},
    ports::ConfirmStart,
};
use tokio::task::JoinSet;

use crate::{
    office::{PAYMENT_TTL, TestOffice},
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
