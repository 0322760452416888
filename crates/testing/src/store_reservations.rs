//! The contract suite for [`Reservations`](seatkeeper_core::ports::Reservations) and
//! [`MockBook`](seatkeeper_core::ports::MockBook).

use std::sync::Arc;

use bytes::Bytes;
use uuid::Uuid;

use super::store_fixture::{Stage, StoreFixture, at_once, must};
use seatkeeper_core::{
    ids::PaymentId,
    ports::{IdempotencyKey, MockBook, ProviderAnswer, Reservation, Reservations, Store, StoredAnswer},
};

const LEASE_S: i64 = 30;
const BODY: [u8; 32] = [1; 32];
const OTHER_BODY: [u8; 32] = [2; 32];

/// Runs the suite on a store.
pub async fn run_all(fixture: &impl StoreFixture) {
    idempotency_key_runs_once_and_its_response_is_repeated(fixture).await;
    idempotency_key_is_refused_with_another_body(fixture).await;
    idempotency_key_is_scoped_to_person_and_call(fixture).await;
    call_runs_again_with_the_same_subject_after_the_lease_expired(fixture).await;
    idempotency_key_of_a_refused_call_counts_as_unused(fixture).await;
    run_whose_lease_has_expired_does_not_end_the_run_that_took_over(fixture).await;
    idempotency_key_is_deleted_after_24_hours(fixture).await;
    one_of_many_concurrent_reservations_of_a_key_runs(fixture).await;
    mock_book_entry_is_written_by_compare_and_set(fixture).await;
}

fn key_of<S: Store>(stage: &Stage<S>, key: &str) -> IdempotencyKey {
    IdempotencyKey { person_id: stage.person(), call: "POST /api/payments".to_owned(), key: key.to_owned() }
}

async fn reserve<S: Store>(stage: &Stage<S>, key: &IdempotencyKey, body: [u8; 32], subject: u128) -> Reservation {
    let subject = Uuid::from_u128(subject);
    must(stage.store.reserve(key, body, subject, stage.now(), stage.after_s(LEASE_S)).await)
}

fn run(subject: u128) -> Reservation {
    Reservation::Run { subject: Uuid::from_u128(subject) }
}

fn answer_of(status: u16, body: &'static [u8]) -> StoredAnswer {
    StoredAnswer { status, body: Bytes::from_static(body), content_type: "application/json".to_owned() }
}

async fn idempotency_key_runs_once_and_its_response_is_repeated(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "s").await;
    let key = key_of(&stage, "k");
    assert_eq!(reserve(&stage, &key, BODY, 1).await, run(1));
    assert_eq!(reserve(&stage, &key, BODY, 2).await, Reservation::Running);
    let answer = answer_of(201, b"{\"id\":\"\xe0\xb8\x81\"}");
    must(stage.store.store_answer(&key, &answer).await);
    assert_eq!(reserve(&stage, &key, BODY, 3).await, Reservation::Done(answer.clone()), "byte for byte");
    must(stage.store.store_answer(&key, &answer_of(409, b"{}")).await);
    must(stage.store.let_go(&key, stage.after_s(LEASE_S)).await);
    assert_eq!(reserve(&stage, &key, BODY, 4).await, Reservation::Done(answer), "the first response stands");
}

async fn idempotency_key_is_refused_with_another_body(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "s").await;
    let key = key_of(&stage, "k");
    reserve(&stage, &key, BODY, 1).await;
    assert_eq!(reserve(&stage, &key, OTHER_BODY, 2).await, Reservation::OtherBody, "while it runs");
    must(stage.store.store_answer(&key, &answer_of(201, b"{}")).await);
    assert_eq!(reserve(&stage, &key, OTHER_BODY, 2).await, Reservation::OtherBody, "when it is done");
}

async fn idempotency_key_is_scoped_to_person_and_call(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "s").await;
    let key = key_of(&stage, "k");
    let other_call = IdempotencyKey { call: "POST /api/payments/1/confirm".to_owned(), ..key.clone() };
    let other_key = IdempotencyKey { key: "K".to_owned(), ..key.clone() };
    for (subject, key) in [(1, key), (2, key_of(&stage, "k")), (3, other_call), (4, other_key)] {
        assert_eq!(reserve(&stage, &key, BODY, subject).await, run(subject), "{key:?}");
    }
}

async fn call_runs_again_with_the_same_subject_after_the_lease_expired(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "s").await;
    let key = key_of(&stage, "k");
    reserve(&stage, &key, BODY, 1).await;
    stage.pass_s(LEASE_S - 1);
    assert_eq!(reserve(&stage, &key, BODY, 2).await, Reservation::Running);
    stage.pass_s(1);
    assert_eq!(reserve(&stage, &key, BODY, 2).await, run(1), "the lease has expired");
    assert_eq!(reserve(&stage, &key, BODY, 2).await, Reservation::Running, "the new run has a lease");
    must(stage.store.let_go(&key, stage.after_s(LEASE_S)).await);
    assert_eq!(reserve(&stage, &key, BODY, 3).await, run(1), "the subject stays");
}

async fn run_whose_lease_has_expired_does_not_end_the_run_that_took_over(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "s").await;
    let key = key_of(&stage, "k");
    assert_eq!(reserve(&stage, &key, BODY, 1).await, run(1));
    let lease_of_first = stage.after_s(LEASE_S);
    stage.pass_s(LEASE_S);
    assert_eq!(reserve(&stage, &key, BODY, 2).await, run(1), "the second run takes over");
    let lease_of_second = stage.after_s(LEASE_S);
    must(stage.store.let_go(&key, lease_of_first).await);
    assert_eq!(reserve(&stage, &key, BODY, 3).await, Reservation::Running, "the second run keeps its lease");
    must(stage.store.forget_key(&key, lease_of_first).await);
    assert_eq!(reserve(&stage, &key, BODY, 3).await, Reservation::Running, "the key of the second run stays");
    let answer = answer_of(201, b"{}");
    must(stage.store.store_answer(&key, &answer).await);
    must(stage.store.forget_key(&key, lease_of_second).await);
    assert_eq!(
        reserve(&stage, &key, BODY, 4).await,
        Reservation::Done(answer),
        "the second run's response is repeated"
    );
}

async fn idempotency_key_of_a_refused_call_counts_as_unused(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "s").await;
    let (key, other) = (key_of(&stage, "k"), key_of(&stage, "k"));
    let lease = stage.after_s(LEASE_S);
    must(stage.store.forget_key(&key, lease).await);
    reserve(&stage, &key, BODY, 1).await;
    reserve(&stage, &other, BODY, 2).await;
    must(stage.store.forget_key(&key, lease).await);
    assert_eq!(reserve(&stage, &key, OTHER_BODY, 3).await, run(3), "with another body and subject");
    assert_eq!(reserve(&stage, &other, BODY, 4).await, Reservation::Running, "another person's key stays");
    let answer = answer_of(201, b"{}");
    must(stage.store.store_answer(&key, &answer).await);
    must(stage.store.forget_key(&key, lease).await);
    assert_eq!(reserve(&stage, &key, OTHER_BODY, 5).await, Reservation::Done(answer), "a response stays");
}

async fn idempotency_key_is_deleted_after_24_hours(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "s").await;
    let (key, day_s) = (key_of(&stage, "k"), 24 * 3_600);
    reserve(&stage, &key, BODY, 1).await;
    must(stage.store.store_answer(&key, &answer_of(201, b"{}")).await);
    stage.pass_s(day_s - 1);
    assert!(matches!(reserve(&stage, &key, BODY, 2).await, Reservation::Done(_)));
    stage.pass_s(1);
    assert_eq!(reserve(&stage, &key, OTHER_BODY, 2).await, run(2));
}

async fn one_of_many_concurrent_reservations_of_a_key_runs(fixture: &impl StoreFixture) {
    let stage = Arc::new(Stage::open(fixture, "s").await);
    let key = key_of(&stage, "k");
    let runs = (1..=32).map(|subject| {
        let (stage, key) = (Arc::clone(&stage), key.clone());
        async move { reserve(&stage, &key, BODY, subject).await }
    });
    let answers = at_once(runs).await;
    let running = answers.iter().filter(|answer| **answer == Reservation::Running).count();
    assert_eq!(running, 31, "{answers:?}");
}

async fn mock_book_entry_is_written_by_compare_and_set(fixture: &impl StoreFixture) {
    use ProviderAnswer::{Authorised, Captured, Declined, Refunded, Unknown, Voided};
    let stage = Stage::open(fixture, "s").await;
    let id = PaymentId::from_uuid(stage.ids.next_uuid());
    assert_eq!(must(stage.store.find_entry(id).await), None);
    assert_eq!(must(stage.store.put_entry(id, Some(Authorised), Captured).await), None, "there is no entry");
    assert_eq!(must(stage.store.put_entry(id, None, Authorised).await), Some(Authorised));
    assert_eq!(must(stage.store.put_entry(id, None, Declined).await), Some(Authorised), "the existing entry");
    let mut stands = Authorised;
    for next in [Captured, Refunded, Declined, Voided, Unknown, Authorised] {
        assert_eq!(must(stage.store.put_entry(id, Some(stands), next).await), Some(next));
        assert_eq!(must(stage.store.find_entry(id).await), Some(next));
        stands = next;
    }
}
