//! Simulated crashes: a request or server is stopped before each of its calls of a port. Afterwards the work is either
//! finished by other servers or has no effect.

use std::sync::Arc;

use jiff::SignedDuration;
use seatkeeper_core::{
    box_office::{
        BoxOffice, Buyer, LockOutcome, ReleaseOutcome, cancel_payment, confirm_payment, lock_seats, provider_reported,
        publish_releases, relay_events, release_seats, start_payment,
    },
    payment::{CONFIRMING_FOR_MAX, ConfirmOutcome, Payment, PaymentMethod, PaymentStatus},
    ports::{ProviderAnswer, ShownToPayer},
};
use seatkeeper_embedded::mock_provider::MockFaults;

use crate::{
    books::RELAY,
    office::{PAYMENT_TTL, TestOffice},
    reconciler::resume_unfinished,
    steps::Stepper,
    visit::Visit,
};

/// The work during which the crash happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Lock,
    Release,
    Start,
    Confirm(ConfirmOutcome),
    /// Confirms the payment in the last second before its expiry, so that the locks are extended.
    ConfirmLate,
    Cancel,
    /// The reconciler expires an overdue payment.
    Expire,
    /// The reconciler gives up a payment whose outcome is unknown.
    GiveUp,
    /// The provider reports that it has authorised an expired payment, whose seats are free.
    SellLate,
    /// The provider reports that it has authorised an expired payment, while another person has locked one of its
    /// seats.
    RefundLate,
    /// The provider reports that it has refunded a sale by itself.
    ProviderRefund,
    PublishReleases,
    Relay,
}

const DEEDS: [Deed; 14] = [
    Deed::Lock,
    Deed::Release,
    Deed::Start,
    Deed::Confirm(ConfirmOutcome::Success),
    Deed::Confirm(ConfirmOutcome::Decline),
    Deed::ConfirmLate,
    Deed::Cancel,
    Deed::Expire,
    Deed::GiveUp,
    Deed::SellLate,
    Deed::RefundLate,
    Deed::ProviderRefund,
    Deed::PublishReleases,
    Deed::Relay,
];

/// What crashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Death {
    /// Only the request is stopped; the server goes on.
    Request,
    /// The server is stopped and restarted on its files.
    Server,
    /// The server is stopped and restarted, and the lock store has lost its content.
    ServerAndLocks,
}

/// The most port calls of one work; more would be an endless loop.
const CALLS_MAX: usize = 60;

#[tokio::test]
async fn request_that_crashes_before_any_of_its_port_calls_leaves_no_partial_work() {
    die_everywhere(Death::Request).await;
}

#[tokio::test]
async fn server_that_crashes_before_any_port_call_of_a_request_recovers() {
    die_everywhere(Death::Server).await;
}

#[tokio::test]
async fn server_that_crashes_before_any_port_call_and_loses_its_locks_recovers() {
    die_everywhere(Death::ServerAndLocks).await;
}

async fn die_everywhere(death: Death) {
    for deed in DEEDS {
        let mut calls = 0;
        while !dies_at(deed, death, calls).await {
            calls += 1;
            assert!(calls < CALLS_MAX, "{deed:?} calls ports without end");
        }
        assert!(calls > 0, "{deed:?} calls no port");
    }
}

/// Runs the work, stops it before its call number `calls` of a port, and checks the recovery. True when the work ended
/// before that call.
async fn dies_at(deed: Deed, death: Death, calls: usize) -> bool {
    let cinema = TestOffice::new();
    let screening = cinema.screening("sss").await;
    let ann = Visit::of(&cinema, "Ann", &screening).await;
    let bob = Visit::of(&cinema, "Bob", &screening).await;
    let payment = prepare(deed, &cinema, &ann, &bob).await;
    let mut work =
        Stepper::new(act(deed, Arc::clone(&cinema.office), (ann.person, Arc::clone(&screening)), payment.clone()));
    let mut is_done = work.arrive().await.is_some();
    for _ in 0..calls {
        is_done = is_done || work.go_on().await.is_some();
    }
    drop(work);
    let (people, cinema) = match death {
        Death::Request => ((ann, bob), cinema),
        Death::Server | Death::ServerAndLocks => {
            let people = ((ann.person, bob.person), screening.screening.id);
            drop((ann, bob, screening.clone()));
            let cinema = cinema.restart();
            if matches!(death, Death::ServerAndLocks) {
                cinema.lose_locks();
            }
            let screening = cinema.find_screening(people.1).await;
            let visit =
                |person| Visit { office: Arc::clone(&cinema.office), person, screening: Arc::clone(&screening) };
            ((visit(people.0.0), visit(people.0.1)), cinema)
        }
    };
    go_on_after(deed, death, &cinema, people, &payment).await;
    is_done
}

async fn prepare(deed: Deed, cinema: &TestOffice, ann: &Visit, bob: &Visit) -> Payment {
    match deed {
        Deed::Lock => return unwritten(cinema, ann),
        Deed::Release | Deed::Start | Deed::PublishReleases => {
            ann.locked("A1 A2").await;
            if deed == Deed::PublishReleases {
                ann.release_all().await;
            }
            return unwritten(cinema, ann);
        }
        _ => {}
    }
    let payment = ann.paying(cinema, "A1 A2").await;
    match deed {
        Deed::ConfirmLate => cinema.pass(PAYMENT_TTL - SignedDuration::from_secs(1)),
        Deed::Expire => cinema.pass(PAYMENT_TTL),
        Deed::GiveUp => {
            cinema.faults.set(MockFaults { lose_answer: 1.0, ..MockFaults::default() });
            ann.confirm(payment.id, ConfirmOutcome::Success).await;
            cinema.faults.set(MockFaults::default());
            cinema.pass(CONFIRMING_FOR_MAX);
        }
        Deed::SellLate | Deed::RefundLate => {
            ann.pay_by_phone(&payment).await;
            cinema.pass(PAYMENT_TTL);
            cinema.work().await;
            if deed == Deed::RefundLate {
                bob.locked("A2").await;
            }
        }
        Deed::ProviderRefund => {
            ann.paid(payment.id).await;
            let answer = cinema.office.provider.give_back(payment.id).await.expect("the provider works");
            assert_eq!(answer, ProviderAnswer::Refunded);
        }
        Deed::Relay => drop(ann.paid(payment.id).await),
        _ => {}
    }
    payment
}

/// A payment that is not in the store, but whose id was already chosen.
fn unwritten(cinema: &TestOffice, ann: &Visit) -> Payment {
    Payment {
        id: cinema.payment_id(),
        screening_id: ann.screening.screening.id,
        person_id: ann.person,
        method: PaymentMethod::MockCard,
        status: PaymentStatus::Pending,
        seats: Vec::new(),
        amount: seatkeeper_core::money::Money::satang(0),
        created_at: cinema.office.now(),
        expires_at: cinema.office.now(),
        confirming_since: None,
        outcome: None,
        money_task: None,
        booking_id: None,
    }
}

async fn act(
    deed: Deed,
    office: Arc<BoxOffice>,
    (person, screening): (seatkeeper_core::ids::PersonId, seatkeeper_core::catalogue::SharedScreening),
    payment: Payment,
) {
    let office = &*office;
    let id = payment.id;
    match deed {
        Deed::Lock => {
            let visit = seatkeeper_core::box_office::SeatSelection::parse(&screening, &["A1".into(), "A2".into()]);
            let locked = lock_seats(office, &Buyer::alone(person), &screening, &visit.expect("seats")).await;
            assert!(matches!(locked, Ok(LockOutcome::Held(_))), "{locked:?}");
        }
        Deed::Release => {
            let released = release_seats(office, person, screening.screening.id, None).await;
            assert!(matches!(released, Ok(ReleaseOutcome::Left(_))), "{released:?}");
        }
        Deed::Start => {
            start_payment(office, &Buyer::alone(person), &screening, id, Some(payment.method), ShownToPayer::default())
                .await
                .expect("the parts work");
        }
        Deed::Confirm(outcome) => {
            confirm_payment(office, person, id, outcome).await.expect("the store works");
        }
        Deed::ConfirmLate => {
            confirm_payment(office, person, id, ConfirmOutcome::Success).await.expect("the store works");
        }
        Deed::Cancel => {
            cancel_payment(office, person, id).await.expect("the store works");
        }
        Deed::Expire | Deed::GiveUp => {
            resume_unfinished(office).await.expect("the parts work");
        }
        Deed::SellLate | Deed::RefundLate | Deed::ProviderRefund => {
            provider_reported(office, id).await.expect("the parts work");
        }
        Deed::PublishReleases => {
            publish_releases(office, RELAY).await.expect("the parts work");
        }
        Deed::Relay => {
            relay_events(office, RELAY).await.expect("the parts work");
        }
    }
}

/// Checks the recovery after a crash: the caller retries, the provider repeats its callback, another person buys the
/// free seats, and all invariants must hold.
async fn go_on_after(deed: Deed, death: Death, cinema: &TestOffice, (ann, bob): (Visit, Visit), payment: &Payment) {
    let id = payment.id;
    let mut payments = vec![id];
    match deed {
        Deed::Start => {
            // A retry with the same id finds the payment of the first attempt. If the locks are lost, there is nothing
            // to pay for.
            let again = ann.start(id).await;
            if let seatkeeper_core::box_office::StartPaymentOutcome::Started(started) = again {
                assert_eq!(started.id, id);
                assert_eq!(ann.start(id).await, seatkeeper_core::box_office::StartPaymentOutcome::Started(started));
                ann.paid(id).await;
            }
        }
        Deed::Confirm(outcome) => drop(ann.confirm(id, outcome).await),
        Deed::ConfirmLate => drop(ann.confirm(id, ConfirmOutcome::Success).await),
        Deed::Cancel => drop(ann.cancel(id).await),
        Deed::SellLate | Deed::RefundLate | Deed::ProviderRefund => ann.report(id).await,
        Deed::Lock | Deed::Release | Deed::Expire | Deed::GiveUp | Deed::PublishReleases | Deed::Relay => {}
    }
    cinema.come_to_rest().await;
    let sold: Vec<_> =
        cinema.bookings().await.into_iter().filter(|booking| booking.status.as_ref() == "CONFIRMED").collect();
    match deed {
        Deed::Confirm(ConfirmOutcome::Success) | Deed::ConfirmLate | Deed::Relay => {
            assert_eq!(sold.len(), 1, "{deed:?} ends with a sale");
        }
        // The lock of the other person is lost, so the late payment may be sold.
        Deed::RefundLate if death == Death::ServerAndLocks => {}
        Deed::Confirm(ConfirmOutcome::Decline) | Deed::Cancel | Deed::Expire | Deed::GiveUp | Deed::RefundLate => {
            assert_eq!(sold, [], "{deed:?} ends without a sale");
        }
        Deed::ProviderRefund => assert_eq!(sold, [], "the sale is refunded"),
        Deed::Lock | Deed::Release | Deed::Start | Deed::SellLate | Deed::PublishReleases => {}
    }
    // Releases that are not in the outbox yet are lost with the lock store.
    if deed == Deed::PublishReleases && death != Death::ServerAndLocks {
        let events = cinema.events().await;
        let released = events.iter().filter(|event| event.kind.type_name() == "SEAT_RELEASED").count();
        assert_eq!(released, 1, "the release is published once");
    }
    let rest = if sold.is_empty() { "A1 A2 A3" } else { "A3" };
    payments.push(bob.bought(cinema, rest).await.payment_id);
    cinema.come_to_rest().await;
    cinema.check_books(&[ann.screening.screening.id], &payments).await;
}
