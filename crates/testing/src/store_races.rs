//! Concurrent calls of the ledger and of people: no seat is sold twice, there is no deadlock, and exactly one person is
//! ADMIN.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    demo_identity_of, identity_of, sign_in_of,
    store_fixture::{CONFIRMING, LATE, PAYMENT_S, Stage, StoreFixture, at_once, must},
};
use seatkeeper_core::{
    ids::{PersonId, SeatId},
    payment::{ConfirmOutcome, Payment, PaymentStatus},
    person::{DEMO_ISSUER, Person, Role},
    ports::{CloseOutcome, CommitOutcome, ConfirmStart, Ledger, People, StartOutcome},
};

/// The number of concurrent calls.
const CROWD: usize = 64;

/// Runs the suite on a store.
pub async fn run_all(fixture: &impl StoreFixture) {
    overlapping_concurrent_payments_claim_no_seat_twice(fixture).await;
    concurrent_starts_of_one_id_make_one_payment(fixture).await;
    concurrent_sale_and_close_of_a_payment_have_one_outcome(fixture).await;
    concurrent_late_payments_sell_no_seat_twice(fixture).await;
    concurrent_sales_with_one_code_make_one_booking(fixture).await;
    concurrent_calls_expire_an_overdue_payment_once(fixture).await;
    concurrent_first_sign_ins_make_one_admin(fixture).await;
    concurrent_sign_ins_at_demo_and_provider_make_one_real_admin(fixture).await;
    concurrent_sign_ins_of_one_identity_make_one_person(fixture).await;
}

/// Each person starts a payment for four of eight seats, and names them in a different order.
async fn overlapping_concurrent_payments_claim_no_seat_twice(fixture: &impl StoreFixture) {
    let stage = Arc::new(Stage::open(fixture, "ssssssss").await);
    let runs = (0..CROWD).map(|index| {
        let stage = Arc::clone(&stage);
        let names: Vec<_> = (0..4).map(|step| format!("A{}", (index + step * (1 + index % 3)) % 8 + 1)).collect();
        async move {
            let start = stage.new_payment(stage.person(), &names.join(" "));
            let StartOutcome::Started(payment) = stage.start(&start).await else { return None };
            let asked = stage.store.begin_confirming(payment.id, ConfirmOutcome::Success, stage.now()).await;
            assert!(matches!(must(asked), ConfirmStart::Confirming(_)));
            let sold = stage.commit(&payment, CONFIRMING).await;
            assert!(matches!(sold, CommitOutcome::Committed(_)), "claimed seats can be sold: {sold:?}");
            Some(payment)
        }
    });
    let sold: Vec<Payment> = at_once(runs).await.into_iter().flatten().collect();
    assert!((1..=8).contains(&sold.len()), "{} sales of eight seats", sold.len());
    let seats: Vec<SeatId> = sold.iter().flat_map(Payment::seat_ids).collect();
    let distinct: BTreeSet<_> = seats.iter().copied().collect();
    assert_eq!(seats.len(), distinct.len(), "a seat was sold twice");
    assert_eq!(stage.truth().await.sold, distinct.into_iter().collect::<Vec<_>>(), "all of a set or none of it");
}

async fn concurrent_starts_of_one_id_make_one_payment(fixture: &impl StoreFixture) {
    let stage = Arc::new(Stage::open(fixture, "ss").await);
    let start = stage.new_payment(stage.person(), "A1 A2");
    let runs = (0..CROWD).map(|_| {
        let (stage, start) = (Arc::clone(&stage), start.clone());
        async move { stage.start(&start).await }
    });
    let stored = stage_payment(&stage, at_once(runs).await);
    assert_eq!(stage.payment(start.id).await, stored);
    assert_eq!(stage.map().await, " | A1 A2");
}

fn stage_payment<S>(_: &Stage<S>, outcomes: Vec<StartOutcome>) -> Payment {
    let first = outcomes[0].clone();
    assert!(outcomes.iter().all(|outcome| *outcome == first), "{outcomes:?}");
    match first {
        StartOutcome::Started(payment) => payment,
        other => unreachable!("{other:?}"),
    }
}

async fn concurrent_sale_and_close_of_a_payment_have_one_outcome(fixture: &impl StoreFixture) {
    let stage = Arc::new(Stage::open(fixture, "s").await);
    for round in 0..16 {
        let payment = stage.confirming("A1").await;
        let (seller, closer, to_close) = (Arc::clone(&stage), Arc::clone(&stage), payment.clone());
        let to_sell = payment.clone();
        let sale = async move { matches!(seller.commit(&to_sell, CONFIRMING).await, CommitOutcome::Committed(_)) };
        let ending = async move {
            let closed = closer.close(to_close.id, CONFIRMING, PaymentStatus::Declined).await;
            matches!(closed, CloseOutcome::Closed(_))
        };
        let (sale, ending) = (tokio::spawn(sale), tokio::spawn(ending));
        let (is_sold, is_closed) = (sale.await.is_ok_and(|won| won), ending.await.is_ok_and(|won| won));
        assert!(is_sold != is_closed, "round {round}: sold {is_sold}, closed {is_closed}");
        let stored = stage.payment(payment.id).await;
        assert_eq!(stored.status == PaymentStatus::Succeeded, is_sold);
        assert_eq!(stage.map().await, if is_sold { "A1 | " } else { " | " });
        if is_sold {
            stage.close(payment.id, &[PaymentStatus::Succeeded], PaymentStatus::Refunded).await;
        }
    }
}

async fn concurrent_late_payments_sell_no_seat_twice(fixture: &impl StoreFixture) {
    let stage = Arc::new(Stage::open(fixture, "ss").await);
    let mut late = Vec::new();
    for seats in ["A1", "A1 A2", "A2 A1", "A2 A1"].iter().cycle().take(8) {
        late.push(stage.started(seats).await);
        stage.pass_s(PAYMENT_S);
    }
    let runs = late.iter().cloned().map(|payment| {
        let stage = Arc::clone(&stage);
        async move { (payment.clone(), stage.commit(&payment, LATE).await) }
    });
    let mut sold = Vec::new();
    for (payment, outcome) in at_once(runs).await {
        match outcome {
            CommitOutcome::Committed(booking) => sold.extend(booking.seats.iter().map(|seat| seat.id)),
            CommitOutcome::SeatsLost(seats) => {
                assert!(seats.iter().all(|seat| payment.seat_ids().contains(seat)) && !seats.is_empty());
            }
            other => unreachable!("{other:?}"),
        }
    }
    sold.sort_unstable();
    assert_eq!(sold, stage.truth().await.sold);
    let distinct: BTreeSet<_> = sold.iter().collect();
    assert_eq!(distinct.len(), sold.len(), "a seat was sold twice");
}

async fn concurrent_sales_with_one_code_make_one_booking(fixture: &impl StoreFixture) {
    let stage = Arc::new(Stage::open(fixture, "ssssssss").await);
    let mut commits = Vec::new();
    for number in 1..=8 {
        let payment = stage.confirming(&format!("A{number}")).await;
        let mut commit = stage.commit_of(&payment, CONFIRMING);
        commit.booking.code = "SAMECODE".to_owned();
        commits.push(commit);
    }
    let runs = commits.into_iter().map(|commit| {
        let stage = Arc::clone(&stage);
        async move { must(stage.store.commit_booking(&commit, stage.now()).await) }
    });
    let outcomes = at_once(runs).await;
    let sold = outcomes.iter().filter(|outcome| matches!(outcome, CommitOutcome::Committed(_))).count();
    let refused = outcomes.iter().filter(|outcome| **outcome == CommitOutcome::CodeTaken).count();
    assert_eq!((sold, refused), (1, 7));
    let truth = stage.truth().await;
    assert_eq!((truth.sold.len(), truth.claimed.len()), (1, 7));
}

async fn concurrent_calls_expire_an_overdue_payment_once(fixture: &impl StoreFixture) {
    let stage = Arc::new(Stage::open(fixture, "ssssssss").await);
    let overdue = stage.started("A1 A2 A3 A4 A5 A6 A7 A8").await;
    stage.pass_s(PAYMENT_S);
    let runs = (0..CROWD).map(|index| {
        let (stage, id) = (Arc::clone(&stage), overdue.id);
        async move {
            let start = stage.new_payment(stage.person(), &format!("A{}", index % 8 + 1));
            let confirmed = stage.store.begin_confirming(id, ConfirmOutcome::Success, stage.now()).await;
            assert!(matches!(must(confirmed), ConfirmStart::Over(_)));
            matches!(stage.start(&start).await, StartOutcome::Started(_))
        }
    });
    let started = at_once(runs).await.into_iter().filter(|won| *won).count();
    assert_eq!(started, 8, "one winner for each seat");
    assert_eq!(stage.count_unsent_by_type().await, "BOOKING_TIMEOUT:1");
}

async fn concurrent_first_sign_ins_make_one_admin(fixture: &impl StoreFixture) {
    let stage = Arc::new(Stage::open(fixture, "s").await);
    let runs = (0..100).map(|index| {
        let (stage, id) = (Arc::clone(&stage), PersonId::from_uuid(stage.ids.next_uuid()));
        async move { must(stage.store.sign_in(&sign_in_of(identity_of(&format!("p{index}")), id), stage.now()).await) }
    });
    let people = at_once(runs).await;
    let admins: Vec<&Person> = people.iter().filter(|person| person.role == Role::Admin).collect();
    assert_eq!(admins.len(), 1, "{admins:?}");
    let stored = must(stage.store.find_person(admins[0].id).await);
    assert_eq!(stored.as_ref(), Some(admins[0]));
    assert_eq!(people.iter().map(|person| person.id).collect::<BTreeSet<_>>().len(), 100);
}

/// While the settings are being changed, one server may still use the demo and another a real identity provider.
async fn concurrent_sign_ins_at_demo_and_provider_make_one_real_admin(fixture: &impl StoreFixture) {
    let stage = Arc::new(Stage::open(fixture, "s").await);
    let runs = (0..CROWD).map(|index| {
        let (stage, id) = (Arc::clone(&stage), PersonId::from_uuid(stage.ids.next_uuid()));
        let identity_of = if index % 2 == 0 { demo_identity_of } else { identity_of };
        async move { must(stage.store.sign_in(&sign_in_of(identity_of(&format!("p{index}")), id), stage.now()).await) }
    });
    let mut admins = Vec::new();
    for person in at_once(runs).await {
        let stored = must(stage.store.find_person(person.id).await);
        admins.extend(stored.filter(|stored| stored.role == Role::Admin));
    }
    assert_eq!(admins.len(), 1, "{admins:?}");
    assert_ne!(admins[0].issuer, DEMO_ISSUER);
}

async fn concurrent_sign_ins_of_one_identity_make_one_person(fixture: &impl StoreFixture) {
    let stage = Arc::new(Stage::open(fixture, "s").await);
    let runs = (0..CROWD).map(|_| {
        let (stage, id) = (Arc::clone(&stage), PersonId::from_uuid(stage.ids.next_uuid()));
        async move { must(stage.store.sign_in(&sign_in_of(identity_of("ann"), id), stage.now()).await) }
    });
    let mut people = BTreeMap::new();
    for person in at_once(runs).await {
        people.insert(person.id, person.role);
    }
    assert_eq!(people.into_values().collect::<Vec<_>>(), [Role::Admin]);
}
