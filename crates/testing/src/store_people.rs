//! The contract suite for [`People`](seatkeeper_core::ports::People) and
//! [`Sessions`](seatkeeper_core::ports::Sessions).

use jiff::{SignedDuration, Timestamp};

use super::{
    demo_identity_of, identity_of, sign_in_of, store_administrators,
    store_fixture::{Stage, StoreFixture, must},
};
use seatkeeper_core::{
    ids::PersonId,
    person::{
        DEMO_ISSUER, Identity, Language, Person, Role, SESSION_AGE_MAX, SESSION_IDLE_MAX, SIGN_IN_FOR_MAX, Session,
        SignInAttempt,
    },
    ports::{People, Sessions, Store},
};

/// Runs the suite on a store.
pub async fn run_all(fixture: &impl StoreFixture) {
    first_person_becomes_admin_and_later_ones_do_not(fixture).await;
    first_person_of_a_real_provider_replaces_the_demo_admin(fixture).await;
    sign_in_updates_the_person_except_for_the_language(fixture).await;
    person_is_identified_by_issuer_and_subject(fixture).await;
    language_changes_only_on_request(fixture).await;
    a_sign_in_attempt_is_used_once(fixture).await;
    expired_sign_in_attempts_are_deleted(fixture).await;
    a_session_lives_until_it_is_ended(fixture).await;
    ended_sessions_are_listed_for_other_servers(fixture).await;
    purge_deletes_expired_sessions_and_old_records_of_ended_ones(fixture).await;
    store_administrators::run_all(fixture).await;
}

async fn sign_in<S: Store>(stage: &Stage<S>, identity: &Identity) -> Person {
    must(stage.store.sign_in(&sign_in_of(identity.clone(), stage.person()), stage.now()).await)
}

async fn first_person_becomes_admin_and_later_ones_do_not(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "s").await;
    let id = stage.person();
    let ann = must(stage.store.sign_in(&sign_in_of(identity_of("Ann"), id), stage.now()).await);
    let expected = Person {
        id,
        issuer: identity_of("Ann").issuer,
        name: "Ann".to_owned(),
        email: "ann@example.test".to_owned(),
        is_email_verified: true,
        picture_url: None,
        role: Role::Admin,
        language: Language::Th,
    };
    assert_eq!(ann, expected);
    let ben = sign_in(&stage, &identity_of("Ben")).await;
    assert_eq!(ben.role, Role::User);
    assert_eq!(sign_in(&stage, &identity_of("Ann")).await, ann, "the same person with the same role and id");
    assert_eq!(sign_in(&stage, &identity_of("Ben")).await, ben);
    assert_eq!(must(stage.store.find_person(ann.id).await), Some(ann));
    assert_eq!(must(stage.store.find_person(stage.person()).await), None);
}

async fn first_person_of_a_real_provider_replaces_the_demo_admin(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "s").await;
    let guest = sign_in(&stage, &demo_identity_of("Ann")).await;
    assert_eq!((guest.role, guest.issuer.as_str()), (Role::Admin, DEMO_ISSUER));
    assert_eq!(sign_in(&stage, &demo_identity_of("Ben")).await.role, Role::User);

    let real = sign_in(&stage, &identity_of("Ann")).await;
    assert_eq!(real.role, Role::Admin, "the first person of a real provider");
    assert_eq!(sign_in(&stage, &identity_of("Ben")).await.role, Role::User);
    let other = Identity { issuer: "https://other.example.test".to_owned(), ..identity_of("Ann") };
    assert_eq!(sign_in(&stage, &other).await.role, Role::User, "a third provider has no first person");

    // When the demo administrator signs in at the demo again, they are an ordinary user.
    assert_eq!(sign_in(&stage, &demo_identity_of("Ann")).await, Person { role: Role::User, ..guest });
    assert_eq!(sign_in(&stage, &demo_identity_of("Cat")).await.role, Role::User);
    assert_eq!(sign_in(&stage, &identity_of("Ann")).await, real);
}

async fn sign_in_updates_the_person_except_for_the_language(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "s").await;
    let first = sign_in(&stage, &identity_of("Ann")).await;
    let mut identity = identity_of("Ann");
    (identity.name, identity.email) = ("Ann Smith".to_owned(), "ann@new.example.test".to_owned());
    (identity.picture_url, identity.language) = (Some("https://example.test/ann.png".to_owned()), Language::En);
    let now = sign_in(&stage, &identity).await;
    let expected = Person { name: identity.name, email: identity.email, picture_url: identity.picture_url, ..first };
    assert_eq!(now, expected, "everything but the language");
    assert_eq!(must(stage.store.find_person(now.id).await), Some(expected));
}

async fn person_is_identified_by_issuer_and_subject(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "s").await;
    let here = sign_in(&stage, &identity_of("Ann")).await;
    let elsewhere = Identity { issuer: "https://other.example.test".to_owned(), ..identity_of("Ann") };
    let there = sign_in(&stage, &elsewhere).await;
    let namesake = sign_in(&stage, &Identity { subject: "another".to_owned(), ..identity_of("Ann") }).await;
    assert!(here.id != there.id && here.id != namesake.id && there.id != namesake.id, "not identified by e-mail");
}

async fn language_changes_only_on_request(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "s").await;
    let ann = sign_in(&stage, &identity_of("Ann")).await;
    let changed = Person { language: Language::En, ..ann.clone() };
    assert_eq!(must(stage.store.set_language(ann.id, Language::En).await), Some(changed.clone()));
    assert_eq!(sign_in(&stage, &identity_of("Ann")).await, changed, "a sign-in does not reset it");
    assert_eq!(must(stage.store.set_language(stage.person(), Language::En).await), None);
}

fn attempt_of(state: &str, created_at: Timestamp) -> SignInAttempt {
    SignInAttempt {
        state: state.to_owned(),
        browser_hash: [7; 32],
        nonce: "nonce".to_owned(),
        pkce_verifier: "verifier".to_owned(),
        return_to: "/screenings/1?seats=A1".to_owned(),
        created_at,
    }
}

async fn a_sign_in_attempt_is_used_once(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "s").await;
    let attempt = attempt_of("one", stage.now());
    must(stage.store.begin_sign_in(&attempt).await);
    assert_eq!(must(stage.store.take_sign_in("two").await), None);
    assert_eq!(must(stage.store.take_sign_in("one").await), Some(attempt));
    assert_eq!(must(stage.store.take_sign_in("one").await), None);
}

async fn expired_sign_in_attempts_are_deleted(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "s").await;
    must(stage.store.begin_sign_in(&attempt_of("old", stage.now())).await);
    stage.pass_s(1);
    must(stage.store.begin_sign_in(&attempt_of("young", stage.now())).await);
    stage.clock.advance(SIGN_IN_FOR_MAX - SignedDuration::from_secs(1));
    must(stage.store.begin_sign_in(&attempt_of("new", stage.now())).await);
    assert_eq!(must(stage.store.take_sign_in("old").await), None);
    assert!(must(stage.store.take_sign_in("young").await).is_some());
}

fn session_of(number: u8, person_id: PersonId, now: Timestamp) -> Session {
    Session { hash: [number; 32], person_id, created_at: now, seen_at: now }
}

async fn a_session_lives_until_it_is_ended(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "s").await;
    let ann = sign_in(&stage, &identity_of("Ann")).await;
    let session = session_of(1, ann.id, stage.now());
    assert_eq!(must(stage.store.find_session(&session.hash).await), None);
    must(stage.store.create_session(&session, &stage.event("sign_in")).await);
    assert_eq!(must(stage.store.find_session(&session.hash).await), Some((session.clone(), ann.clone())));
    assert_eq!(stage.count_unsent_by_type().await, "admin_added:1 sign_in:1");

    let seen = Session { seen_at: stage.after_s(60), ..session.clone() };
    must(stage.store.touch_session(&session.hash, seen.seen_at).await);
    must(stage.store.touch_session(&session.hash, session.seen_at).await);
    assert_eq!(must(stage.store.find_session(&session.hash).await), Some((seen.clone(), ann.clone())), "forward only");
    stage.clock.advance(SESSION_AGE_MAX);
    assert_eq!(must(stage.store.find_session(&session.hash).await), Some((seen, ann)), "expired or not");

    must(stage.store.end_session(&session.hash, stage.now(), &stage.event("sign_out")).await);
    must(stage.store.end_session(&session.hash, stage.now(), &stage.event("sign_out")).await);
    must(stage.store.end_session(&[9; 32], stage.now(), &stage.event("sign_out")).await);
    assert_eq!(must(stage.store.find_session(&session.hash).await), None);
    let counts = stage.count_unsent_by_type().await;
    assert_eq!(counts, "admin_added:1 sign_in:1 sign_out:1", "written if the session existed");
    must(stage.store.touch_session(&session.hash, stage.now()).await);
    assert_eq!(must(stage.store.find_session(&session.hash).await), None);
}

async fn ended_sessions_are_listed_for_other_servers(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "s").await;
    let ann = sign_in(&stage, &identity_of("Ann")).await;
    let began = stage.now();
    for number in 1..=3 {
        let session = session_of(number, ann.id, stage.now());
        must(stage.store.create_session(&session, &stage.event("sign_in")).await);
        stage.pass_s(1);
        must(stage.store.end_session(&session.hash, stage.now(), &stage.event("sign_out")).await);
    }
    let last_two = stage.now().saturating_sub(SignedDuration::from_secs(1)).unwrap_or(began);
    assert_eq!(must(stage.store.list_ended_since(began, 10).await), [[1; 32], [2; 32], [3; 32]]);
    assert_eq!(must(stage.store.list_ended_since(last_two, 10).await), [[2; 32], [3; 32]], "at or after the time");
    assert_eq!(must(stage.store.list_ended_since(began, 1).await).len(), 1);
    assert!(must(stage.store.list_ended_since(stage.after_s(1), 10).await).is_empty());
}

async fn purge_deletes_expired_sessions_and_old_records_of_ended_ones(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "s").await;
    let ann = sign_in(&stage, &identity_of("Ann")).await;
    let began = stage.now();
    for number in 1..=3 {
        let session = session_of(number, ann.id, stage.now());
        must(stage.store.create_session(&session, &stage.event("sign_in")).await);
    }
    must(stage.store.end_session(&[3; 32], stage.now(), &stage.event("sign_out")).await);
    stage.pass_s(1);
    must(stage.store.touch_session(&[2; 32], stage.now()).await);
    stage.clock.advance(SESSION_IDLE_MAX - SignedDuration::from_secs(1));
    assert_eq!(must(stage.store.purge_sessions(stage.now()).await), 1, "idle for too long");
    assert_eq!(must(stage.store.find_session(&[1; 32]).await), None);
    assert!(must(stage.store.find_session(&[2; 32]).await).is_some());

    while stage.now() < began.saturating_add(SESSION_AGE_MAX).unwrap_or(Timestamp::MAX) {
        assert_eq!(must(stage.store.purge_sessions(stage.now()).await), 0);
        must(stage.store.touch_session(&[2; 32], stage.now()).await);
        stage.clock.advance(SignedDuration::from_hours(6));
    }
    assert_eq!(must(stage.store.purge_sessions(stage.now()).await), 1, "too old, however busy");
    assert_eq!(must(stage.store.find_session(&[2; 32]).await), None);
    assert!(must(stage.store.list_ended_since(began, 10).await).is_empty(), "old records are deleted");
}
