//! The contract suite of the limit of seats that one person's payments claim at all screenings together.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::{
    hall_of, identity_of, movie_of, screening_of, sign_in_of,
    store_fixture::{PAYMENT_S, Stage, StoreFixture, at_once, must},
};
use seatkeeper_core::{
    ids::{HallId, MovieId, PersonId, ScreeningId},
    money::Money,
    payment::{ConfirmOutcome, PaymentStatus},
    ports::{Ledger, NewPayment, ProgrammeChange, ShownToPayer, StartOutcome, Store},
};

/// The limit in this suite.
const SEATS_MAX: usize = 5;
/// The number of screenings at which one person pays concurrently.
const SCREENINGS: usize = 12;

/// Runs the suite on a store.
pub async fn run_all(fixture: &impl StoreFixture) {
    seats_of_a_persons_payments_are_limited_at_all_screenings_together(fixture).await;
    limit_of_seats_everywhere_is_checked_last(fixture).await;
    concurrent_payments_of_one_person_do_not_exceed_the_limit_together(fixture).await;
}

/// Adds a screening with eight seats in a hall of its own.
async fn add_screening<S: Store>(stage: &Stage<S>) -> ScreeningId {
    let movie = movie_of(MovieId::from_uuid(stage.ids.next_uuid()), "Another film");
    let hall = hall_of(HallId::from_uuid(stage.ids.next_uuid()), "Another hall", "ssssssss");
    let start = stage.now().saturating_add(SignedDuration::from_hours(2)).unwrap_or(Timestamp::MAX);
    let screening = screening_of(ScreeningId::from_uuid(stage.ids.next_uuid()), &movie, &hall, start);
    let id = screening.id;
    stage.change(ProgrammeChange::PutMovie(movie, 0)).await;
    stage.change(ProgrammeChange::PutHall(hall, 0)).await;
    stage.change(ProgrammeChange::PutScreening(screening, 0)).await;
    id
}

/// Somebody who has signed in, as everybody who pays has.
async fn signed_in<S: Store>(stage: &Stage<S>) -> PersonId {
    let id = stage.person();
    must(stage.store.sign_in(&sign_in_of(identity_of(&id.to_string()), id), stage.now()).await).id
}

fn payment<S: Store>(stage: &Stage<S>, person: PersonId, at: ScreeningId, seats: &str) -> NewPayment {
    NewPayment { screening_id: at, seats_everywhere_max: Some(SEATS_MAX), ..stage.new_payment(person, seats) }
}

async fn seats_of_a_persons_payments_are_limited_at_all_screenings_together(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "ssssssss").await;
    let (here, there) = (stage.screening.id, add_screening(&stage).await);
    let (ann, bob) = (signed_in(&stage).await, signed_in(&stage).await);
    let first = payment(&stage, ann, here, "A1 A2 A3");
    assert!(matches!(stage.start(&first).await, StartOutcome::Started(_)));

    let refused = payment(&stage, ann, there, "A1 A2 A3");
    assert_eq!(stage.start(&refused).await, StartOutcome::TooManySeatsEverywhere { held_elsewhere: 3 });
    assert_eq!(must(stage.store.seat_truth(there, stage.now()).await).claimed, [], "nothing was written");
    assert_eq!(must(stage.store.find_payment(refused.id).await), None);
    let fits = payment(&stage, ann, there, "A1 A2");
    assert!(matches!(stage.start(&fits).await, StartOutcome::Started(_)), "five seats in all");
    assert!(matches!(stage.start(&fits).await, StartOutcome::Started(_)), "a repeated start counts nothing");
    let of_bob = payment(&stage, bob, there, "A3 A4 A5");
    assert!(matches!(stage.start(&of_bob).await, StartOutcome::Started(_)), "others do not count");
    let of_staff = NewPayment { seats_everywhere_max: None, ..payment(&stage, ann, there, "A6 A7 A8") };
    assert!(matches!(stage.start(&of_staff).await, StartOutcome::Started(_)), "no limit");

    // A sale, an end and an expiry free the seats for another payment. A confirmation keeps counting.
    stage.close(of_staff.id, &[PaymentStatus::Pending], PaymentStatus::Cancelled).await;
    must(stage.store.begin_confirming(first.id, ConfirmOutcome::Success, stage.now()).await);
    stage.pass_s(PAYMENT_S);
    let next = payment(&stage, ann, there, "A6 A7 A8");
    assert_eq!(stage.start(&next).await, StartOutcome::TooManySeatsEverywhere { held_elsewhere: 3 }, "CONFIRMING");
    let confirming = stage.payment(first.id).await;
    stage.commit(&confirming, &[PaymentStatus::Confirming]).await;
    assert!(matches!(stage.start(&next).await, StartOutcome::Started(_)), "bought seats do not count");
}

async fn limit_of_seats_everywhere_is_checked_last(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "ssssssss").await;
    let (here, there) = (stage.screening.id, add_screening(&stage).await);
    let ann = signed_in(&stage).await;
    assert!(matches!(stage.start(&payment(&stage, ann, here, "A1 A2 A3 A4 A5")).await, StartOutcome::Started(_)));
    stage.start(&payment(&stage, signed_in(&stage).await, there, "A1")).await;
    assert!(matches!(stage.start(&payment(&stage, ann, there, "A1")).await, StartOutcome::SeatsTaken(_)));
    let shown = ShownToPayer { revision: None, total: Some(Money::satang(1)) };
    let dearer = NewPayment { shown, ..payment(&stage, ann, there, "A2") };
    assert!(matches!(stage.start(&dearer).await, StartOutcome::PriceChanged { .. }));
    let refused = payment(&stage, ann, there, "A2");
    assert_eq!(stage.start(&refused).await, StartOutcome::TooManySeatsEverywhere { held_elsewhere: 5 });
}

/// The payments of one person claim two seats each at many screenings at once.
async fn concurrent_payments_of_one_person_do_not_exceed_the_limit_together(fixture: &impl StoreFixture) {
    let stage = Arc::new(Stage::open(fixture, "ssssssss").await);
    let ann = signed_in(&stage).await;
    let mut screenings = Vec::new();
    for _ in 0..SCREENINGS {
        screenings.push(add_screening(&stage).await);
    }
    let runs = screenings.into_iter().map(|at| {
        let stage = Arc::clone(&stage);
        let start = payment(&stage, ann, at, "A1 A2");
        async move { stage.start(&start).await }
    });
    let outcomes = at_once(runs).await;
    let started = outcomes.iter().filter(|outcome| matches!(outcome, StartOutcome::Started(_))).count();
    assert_eq!(started, SEATS_MAX / 2, "{outcomes:?}");
    let refused = |outcome: &&StartOutcome| matches!(outcome, StartOutcome::TooManySeatsEverywhere { .. });
    assert_eq!(outcomes.iter().filter(refused).count(), SCREENINGS - started);
}
