//! Each new status of a payment is published to the subscribers of its screening after its commit, best effort.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::SignedDuration;
use seatkeeper_core::{
    box_office::{find_payment_of, relay_events},
    ids::{PaymentId, PersonId, ScreeningId},
    locks::{LiveEvent, PaymentChange},
    payment::{ConfirmOutcome, PaymentStatus},
    ports::{Backend, BackendError, LiveChanges, LiveFeed},
};
use uuid::Uuid;

use crate::{
    office::{PAYMENT_TTL, TestOffice},
    visit::Visit,
};

/// The payment statuses that were published since the last call.
fn published(feed: &mut LiveFeed) -> Vec<(PersonId, PaymentId, PaymentStatus)> {
    let mut told = Vec::new();
    while let Ok(event) = feed.try_recv() {
        match &*event {
            LiveEvent::Payment(change) => told.push((change.holder, change.payment, change.status)),
            LiveEvent::Seats(change) => panic!("unexpected change of seats: {change:?}"),
        }
    }
    told
}

async fn watch(cinema: &TestOffice, screening: ScreeningId) -> LiveFeed {
    cinema.office.live.watch(screening).await.expect("a feed")
}

#[tokio::test]
async fn each_status_of_a_payment_is_published_once_in_order() {
    let cinema = TestOffice::new();
    let screening = cinema.screening("sss").await;
    let ann = Visit::of(&cinema, "Ann", &screening).await;
    let mut feed = watch(&cinema, screening.screening.id).await;
    let of = |id: PaymentId, statuses: &[PaymentStatus]| -> Vec<_> {
        statuses.iter().map(|status| (ann.person, id, *status)).collect()
    };

    let cancelled = ann.paying(&cinema, "A1").await.id;
    ann.cancel(cancelled).await;
    ann.cancel(cancelled).await;
    assert_eq!(published(&mut feed), of(cancelled, &[PaymentStatus::Pending, PaymentStatus::Cancelled]));

    let declined = ann.paying(&cinema, "A1").await.id;
    ann.confirm(declined, ConfirmOutcome::Decline).await;
    let statuses = [PaymentStatus::Pending, PaymentStatus::Confirming, PaymentStatus::Declined];
    assert_eq!(published(&mut feed), of(declined, &statuses));

    let sold = ann.paying(&cinema, "A1").await.id;
    ann.paid(sold).await;
    let statuses = [PaymentStatus::Pending, PaymentStatus::Confirming, PaymentStatus::Succeeded];
    assert_eq!(published(&mut feed), of(sold, &statuses));

    let expired = ann.paying(&cinema, "A2").await.id;
    cinema.pass(PAYMENT_TTL);
    find_payment_of(&cinema.office, ann.person, expired).await.expect("the store works");
    assert_eq!(published(&mut feed), of(expired, &[PaymentStatus::Pending, PaymentStatus::Expired]));

    // The payer pays by phone, without a confirmation by the page.
    let by_phone = ann.paying(&cinema, "A3").await;
    ann.pay_by_phone(&by_phone).await;
    ann.report(by_phone.id).await;
    let statuses = [PaymentStatus::Pending, PaymentStatus::Confirming, PaymentStatus::Succeeded];
    assert_eq!(published(&mut feed), of(by_phone.id, &statuses));
}

#[tokio::test]
async fn payment_expired_by_another_buyers_start_is_published_with_its_event() {
    let cinema = TestOffice::new();
    let screening = cinema.screening("s").await;
    let (ann, bob) = (Visit::of(&cinema, "Ann", &screening).await, Visit::of(&cinema, "Bob", &screening).await);
    let mut feed = watch(&cinema, screening.screening.id).await;
    let late = ann.paying(&cinema, "A1").await;
    cinema.pass(PAYMENT_TTL + SignedDuration::from_secs(1));
    let theirs = bob.paying(&cinema, "A1").await;
    assert_eq!(ann.find(late.id).await.status, PaymentStatus::Expired);
    let pending = |who: &Visit, id| (who.person, id, PaymentStatus::Pending);
    assert_eq!(published(&mut feed), [pending(&ann, late.id), pending(&bob, theirs.id)]);
    relay_events(&cinema.office, Uuid::from_u128(1)).await.expect("the log works");
    assert_eq!(published(&mut feed), [(ann.person, late.id, PaymentStatus::Expired)]);

    // The provider reports success late and the payment is refunded, so the last published status is REFUNDED.
    bob.paid(theirs.id).await;
    ann.pay_by_phone(&late).await;
    ann.report(late.id).await;
    assert_eq!(published(&mut feed).last(), Some(&(ann.person, late.id, PaymentStatus::Refunded)));
}

/// A port for live changes whose calls always fail.
struct Away;

#[async_trait]
impl LiveChanges for Away {
    async fn watch(&self, _: ScreeningId) -> Backend<LiveFeed> {
        Err(BackendError::retryable("locks", "away"))
    }

    async fn publish_payment(&self, _: PaymentChange) -> Backend<()> {
        Err(BackendError::retryable("locks", "away"))
    }
}

#[tokio::test]
async fn payments_work_when_live_changes_cannot_be_published() {
    let mut cinema = TestOffice::new();
    Arc::get_mut(&mut cinema.office).expect("the office is not shared yet").live = Arc::new(Away);
    let screening = cinema.screening("ss").await;
    let ann = Visit::of(&cinema, "Ann", &screening).await;
    let cancelled = ann.paying(&cinema, "A1").await.id;
    ann.cancel(cancelled).await;
    assert_eq!(ann.find(cancelled).await.status, PaymentStatus::Cancelled);
    ann.bought(&cinema, "A1").await;
    ann.paying(&cinema, "A2").await;
    cinema.pass(PAYMENT_TTL + SignedDuration::from_secs(1));
    Visit::of(&cinema, "Bob", &screening).await.paying(&cinema, "A2").await;
    relay_events(&cinema.office, Uuid::from_u128(1)).await.expect("the log works");
}
