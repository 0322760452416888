//! The contract suite of [`StoredTimes`](seatkeeper_core::ports::StoredTimes): what the store does when its clock was set
//! back.

use jiff::{SignedDuration, Timestamp};

use super::{
    identity_of, mail_of, sign_in_of,
    store_fixture::{PAYMENT_S, Stage, StoreFixture, must},
};
use seatkeeper_core::{
    payment::{CONFIRMING_FOR_MAX, PaymentStatus},
    person::{SESSION_IDLE_MAX, SIGN_IN_FOR_MAX, Session, SignInAttempt},
    ports::{
        IdempotencyKey, Ledger, MAIL_WAIT_MAX, MailAttempt, MailQueue, Outbox, People, RELAY_LEASE_MAX,
        RESERVATION_LEASE_MAX, Reservation, Reservations, Sessions, Store, StoredTimes,
    },
};
use uuid::Uuid;

/// How far the clock is set back, in seconds.
const STEP_S: i64 = 3_600;

/// Runs the suite on a store.
pub async fn run_all(fixture: &impl StoreFixture) {
    payments_and_claims_last_their_own_time_at_most(fixture).await;
    confirmation_is_given_up_in_time(fixture).await;
    leases_and_waiting_mails_end_in_time(fixture).await;
    sessions_and_sign_ins_end_in_time(fixture).await;
    nothing_changes_while_the_clock_is_right(fixture).await;
}

/// Sets the clock back, and lets the store notice.
async fn set_back<S: Store>(stage: &Stage<S>) {
    stage.pass_s(-STEP_S);
    must(stage.store.limit_times(stage.now()).await);
}

async fn payments_and_claims_last_their_own_time_at_most(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "ssss").await;
    let payment = stage.started("A1 A2").await;
    set_back(&stage).await;
    let moved = stage.payment(payment.id).await;
    assert_eq!((moved.status, moved.expires_at), (PaymentStatus::Pending, stage.after_s(PAYMENT_S)));
    let truth = stage.truth().await;
    let until = stage.after_s(PAYMENT_S).as_millisecond();
    assert_eq!(truth.claimed.iter().map(|claim| claim.until).collect::<Vec<_>>(), [until, until]);

    stage.pass_s(PAYMENT_S);
    assert_eq!(stage.map().await, " | ", "the claims have expired");
    let due = must(stage.store.list_unfinished(stage.now(), None, 10).await);
    assert_eq!(due.iter().map(|payment| payment.id).collect::<Vec<_>>(), [payment.id]);
    stage.started("A1 A2").await;
    assert_eq!(stage.payment(payment.id).await.status, PaymentStatus::Expired);
}

async fn confirmation_is_given_up_in_time(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "ss").await;
    let payment = stage.confirming("A1").await;
    set_back(&stage).await;
    let moved = stage.payment(payment.id).await;
    assert_eq!(moved.confirming_since, Some(stage.now()));
    let claim = stage.truth().await.claimed[0];
    assert!(claim.until <= (stage.now() + CONFIRMING_FOR_MAX).as_millisecond(), "{claim:?}");
    assert!(claim.extended_from <= Some(stage.after_s(PAYMENT_S).as_millisecond()), "{claim:?}");
    assert!(!moved.is_confirmed_too_long(stage.now()) && moved.is_confirmed_too_long(stage.now() + CONFIRMING_FOR_MAX));
}

async fn leases_and_waiting_mails_end_in_time(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "s").await;
    let after = |time: SignedDuration| stage.now().saturating_add(time).unwrap_or(Timestamp::MAX);
    let (old, new) = (Uuid::from_u128(1), Uuid::from_u128(2));
    assert!(must(stage.store.take_relay_lease(old, stage.now(), after(RELAY_LEASE_MAX)).await));
    let key = IdempotencyKey { person_id: stage.person(), call: "POST /x".to_owned(), key: "k".to_owned() };
    let subject = stage.ids.next_uuid();
    let reserve = || stage.store.reserve(&key, [1; 32], subject, stage.now(), after(RESERVATION_LEASE_MAX));
    assert_eq!(must(reserve().await), Reservation::Run { subject });
    let mail = mail_of(&stage.ids, stage.now());
    must(stage.store.file_mail(&mail).await);
    let later = MailAttempt::Later { due_at: after(MAIL_WAIT_MAX), error: "down".to_owned() };
    must(stage.store.record_attempt(mail.id, &mail.to, &later).await);

    set_back(&stage).await;
    assert!(!must(stage.store.take_relay_lease(new, stage.now(), after(RELAY_LEASE_MAX)).await), "the lease stands");
    assert_eq!(must(reserve().await), Reservation::Running);
    stage.clock.advance(RELAY_LEASE_MAX);
    assert!(must(stage.store.take_relay_lease(new, stage.now(), after(RELAY_LEASE_MAX)).await));
    stage.clock.advance(RESERVATION_LEASE_MAX);
    assert_eq!(must(reserve().await), Reservation::Run { subject });
    stage.clock.advance(MAIL_WAIT_MAX);
    let due = must(stage.store.take_due_mails(stage.now(), after(MAIL_WAIT_MAX), 10).await);
    assert_eq!(due.iter().map(|due| due.mail.id).collect::<Vec<_>>(), [mail.id]);
}

async fn sessions_and_sign_ins_end_in_time(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "s").await;
    let id = stage.person();
    let ann = must(stage.store.sign_in(&sign_in_of(identity_of("ann"), id), stage.now()).await);
    let (hash, now) = ([7; 32], stage.now());
    let session = Session { hash, person_id: ann.id, created_at: now, seen_at: now };
    must(stage.store.create_session(&session, &stage.event("sign_in")).await);
    let attempt = |state: &str, created_at| SignInAttempt {
        state: state.to_owned(),
        browser_hash: [1; 32],
        nonce: "nonce".to_owned(),
        pkce_verifier: "verifier".to_owned(),
        return_to: "/".to_owned(),
        created_at,
    };
    must(stage.store.begin_sign_in(&attempt("early", now)).await);
    let gone = Session { hash: [8; 32], ..session.clone() };
    must(stage.store.create_session(&gone, &stage.event("sign_in")).await);
    must(stage.store.end_session(&gone.hash, stage.now(), &stage.event("sign_out")).await);

    set_back(&stage).await;
    let Some((session, _)) = must(stage.store.find_session(&hash).await) else { unreachable!("the session stands") };
    assert!(session.is_over(stage.now() + SESSION_IDLE_MAX) && !session.is_over(stage.now()), "{session:?}");
    let ended = must(stage.store.list_ended_since(stage.now() + SignedDuration::from_millis(1), 10).await);
    assert!(ended.is_empty(), "no session ends later than now: {ended:?}");
    stage.clock.advance(SIGN_IN_FOR_MAX);
    must(stage.store.begin_sign_in(&attempt("late", stage.now())).await);
    assert_eq!(must(stage.store.take_sign_in("early").await), None, "expired after its own time");
}

async fn nothing_changes_while_the_clock_is_right(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "ssss").await;
    let (pending, confirming) = (stage.started("A1").await, stage.confirming("A2").await);
    for pause_s in [0, 1, PAYMENT_S - 2] {
        stage.pass_s(pause_s);
        let truth = stage.truth().await;
        must(stage.store.limit_times(stage.now()).await);
        assert_eq!(
            (stage.payment(pending.id).await, stage.payment(confirming.id).await),
            (pending.clone(), confirming.clone())
        );
        assert_eq!(stage.truth().await, truth);
    }
}
