//! The contract suite for administrators in [`People`](seatkeeper_core::ports::People): the setting `admin_email`, the
//! command `admin add`, and remembered addresses. [`super::store_people`] runs it.

use std::sync::Arc;

use seatkeeper_core::{
    email::EmailKey,
    event::EventKind,
    ids::PersonId,
    person::{FirstAdmin, Identity, Person, Role},
    ports::{AddAdmin, AddAdminOutcome, ConfirmedSignIn, DEMOTED, NAMESAKES_MAX, People, Store},
};
use serde_json::json;

use super::{
    demo_identity_of, identity_of, sign_in_of,
    store_fixture::{Stage, StoreFixture, at_once, must},
};

/// Number of concurrent sign-ins.
const CROWD: usize = 32;

pub(super) async fn run_all(fixture: &impl StoreFixture) {
    every_promotion_writes_an_event_that_lists_demoted_administrators(fixture).await;
    with_the_setting_only_the_named_person_becomes_the_first_admin(fixture).await;
    with_the_setting_a_real_person_replaces_the_demo_admin(fixture).await;
    without_the_setting_nobody_becomes_admin_if_a_person_signed_in_while_it_was_set(fixture).await;
    concurrent_sign_ins_with_the_setting_make_the_named_person_admin(fixture).await;
    added_person_is_admin_at_once_and_the_change_is_listed(fixture).await;
    remembered_address_becomes_admin_at_its_first_verified_sign_in(fixture).await;
    address_of_several_or_unverified_people_is_refused_with_their_list(fixture).await;
    address_used_at_two_issuers_selects_the_person_of_the_configured_issuer(fixture).await;
    person_is_chosen_among_more_namesakes_than_are_listed(fixture).await;
    added_admin_prevents_a_first_admin_by_the_setting(fixture).await;
}

fn email(text: &str) -> EmailKey {
    EmailKey::parse(text).unwrap_or_else(|| unreachable!("{text} is not an address"))
}

/// The sign-in of an identity on a server whose setting `admin_email` is `named`.
fn confirmed<S: Store>(stage: &Stage<S>, identity: Identity, named: Option<&str>) -> ConfirmedSignIn {
    let first_admin = FirstAdmin::of(named.map(email).as_ref(), &identity);
    ConfirmedSignIn { first_admin, ..sign_in_of(identity, stage.person()) }
}

async fn sign_in<S: Store>(stage: &Stage<S>, identity: Identity, named: Option<&str>) -> Person {
    must(stage.store.sign_in(&confirmed(stage, identity, named), stage.now()).await)
}

async fn add<S: Store>(stage: &Stage<S>, address: &str) -> AddAdminOutcome {
    let issuer = identity_of("x").issuer;
    let request = AddAdmin { issuer, email: email(address), event: stage.event("admin_added") };
    must(stage.store.add_admin(&request, stage.now()).await)
}

fn unverified(name: &str) -> Identity {
    Identity { is_email_verified: false, ..identity_of(name) }
}

async fn every_promotion_writes_an_event_that_lists_demoted_administrators(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "s").await;
    let guest = sign_in(&stage, demo_identity_of("Guest"), None).await;
    sign_in(&stage, demo_identity_of("Dan"), None).await;
    let boss = sign_in(&stage, identity_of("Boss"), None).await;
    sign_in(&stage, identity_of("Ann"), None).await;
    sign_in(&stage, identity_of("Boss"), None).await;
    let events = stage.unsent().await.into_iter().map(|event| match event.kind {
        EventKind::AuditLog { action, subject, details } => (action, event.actor, subject, details[DEMOTED].clone()),
        other => unreachable!("{other:?}"),
    });
    let of =
        |person: &Person, demoted| ("admin_added".to_owned(), Some(person.id), Some(person.id.to_string()), demoted);
    let expected = [of(&guest, serde_json::Value::Null), of(&boss, json!([guest.id.to_string()]))];
    assert_eq!(events.collect::<Vec<_>>(), expected);
}

async fn with_the_setting_only_the_named_person_becomes_the_first_admin(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "s").await;
    let named = Some("ANN@example.test");
    for other in [identity_of("Ben"), unverified("Ann"), unverified("Cat")] {
        assert_eq!(sign_in(&stage, other, named).await.role, Role::User);
    }
    assert_eq!(stage.count_unsent_by_type().await, "");
    let ann = sign_in(&stage, identity_of("Ann"), named).await;
    assert_eq!(ann.role, Role::Admin, "a person who signed in before, with the address verified now");
    assert_eq!(stage.count_unsent_by_type().await, "admin_added:1");
    assert_eq!(must(stage.store.list_role_changes_since(stage.now(), 10).await), [ann.id]);
    let namesake = Identity { subject: "another".to_owned(), ..identity_of("Ann") };
    assert_eq!(sign_in(&stage, namesake, named).await.role, Role::User, "there is an administrator already");
    assert_eq!(sign_in(&stage, identity_of("Ben"), Some("ben@example.test")).await.role, Role::User);
    assert_eq!(sign_in(&stage, identity_of("Ann"), named).await, ann);
    assert_eq!(stage.count_unsent_by_type().await, "admin_added:1");
}

async fn with_the_setting_a_real_person_replaces_the_demo_admin(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "s").await;
    let guest = sign_in(&stage, demo_identity_of("Ann"), None).await;
    assert_eq!(guest.role, Role::Admin);
    let named = Some("boss@example.test");
    assert_eq!(sign_in(&stage, identity_of("Ben"), named).await.role, Role::User);
    assert_eq!(must(stage.store.find_person(guest.id).await).map(|guest| guest.role), Some(Role::Admin));
    assert_eq!(sign_in(&stage, identity_of("Boss"), named).await.role, Role::Admin);
    assert_eq!(must(stage.store.find_person(guest.id).await).map(|guest| guest.role), Some(Role::User));
    assert_eq!(sign_in(&stage, demo_identity_of("Boss"), named).await.role, Role::User, "the demo never again");
}

async fn without_the_setting_nobody_becomes_admin_if_a_person_signed_in_while_it_was_set(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "s").await;
    assert_eq!(sign_in(&stage, identity_of("Ben"), Some("boss@example.test")).await.role, Role::User);
    for somebody in [identity_of("Ben"), identity_of("Cat"), demo_identity_of("Dan")] {
        assert_eq!(sign_in(&stage, somebody, None).await.role, Role::User, "not the first person ever");
    }
}

async fn concurrent_sign_ins_with_the_setting_make_the_named_person_admin(fixture: &impl StoreFixture) {
    let stage = Arc::new(Stage::open(fixture, "s").await);
    let runs = (0..CROWD).map(|index| {
        let stage = Arc::clone(&stage);
        // Every fourth is a namesake of the named person: another account with the same verified address.
        let identity = match index % 4 {
            0 => Identity { subject: format!("boss {index}"), ..identity_of("Boss") },
            1 => Identity { subject: format!("boss {index}"), ..unverified("Boss") },
            _ => identity_of(&format!("p{index}")),
        };
        async move { sign_in(&stage, identity, Some("boss@example.test")).await }
    });
    let people = at_once(runs).await;
    let admins: Vec<&Person> = people.iter().filter(|person| person.role == Role::Admin).collect();
    assert!(
        matches!(admins[..], [admin] if admin.email == "boss@example.test" && admin.is_email_verified),
        "{admins:?}"
    );
    assert_eq!(stage.count_unsent_by_type().await, "admin_added:1");
}

async fn added_person_is_admin_at_once_and_the_change_is_listed(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "s").await;
    let boss = sign_in(&stage, identity_of("Boss"), None).await;
    let ann = sign_in(&stage, identity_of("Ann Lee"), None).await;
    assert_eq!((boss.role, ann.role), (Role::Admin, Role::User));
    stage.pass_s(60);
    let expected = Person { role: Role::Admin, ..ann.clone() };
    assert_eq!(add(&stage, "Ann.LEE@Example.test").await, AddAdminOutcome::Added(expected.clone()));
    assert_eq!(must(stage.store.find_person(ann.id).await), Some(expected.clone()));
    assert_eq!(must(stage.store.find_person(boss.id).await).as_ref(), Some(&boss), "several administrators");
    assert_eq!(add(&stage, "ann.lee@example.test").await, AddAdminOutcome::WasAdmin(expected));
    let subjects = stage.unsent().await.into_iter().map(|event| match event.kind {
        EventKind::AuditLog { action, subject, .. } => (action, subject),
        other => unreachable!("{other:?}"),
    });
    let added = |id: PersonId| ("admin_added".to_owned(), Some(id.to_string()));
    assert_eq!(subjects.collect::<Vec<_>>(), [added(boss.id), added(ann.id)], "once each");
    assert_eq!(must(stage.store.list_role_changes_since(stage.now(), 10).await), [ann.id]);
    assert!(must(stage.store.list_role_changes_since(stage.after_s(1), 10).await).is_empty());
    assert_eq!(must(stage.store.list_role_changes_since(stage.now(), 0).await), Vec::<PersonId>::new());
}

async fn remembered_address_becomes_admin_at_its_first_verified_sign_in(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "s").await;
    sign_in(&stage, identity_of("Boss"), None).await;
    for _ in 0..2 {
        assert_eq!(add(&stage, "ann@EXAMPLE.test").await, AddAdminOutcome::Remembered);
    }
    assert_eq!(stage.count_unsent_by_type().await, "admin_added:1", "that of Boss");
    let elsewhere = Identity { issuer: "https://other.example.test".to_owned(), ..identity_of("Ann") };
    assert_eq!(sign_in(&stage, elsewhere, None).await.role, Role::User, "another issuer");
    assert_eq!(sign_in(&stage, unverified("Ann"), None).await.role, Role::User, "not verified");
    let ann = sign_in(&stage, identity_of("Ann"), None).await;
    assert_eq!(ann.role, Role::Admin);
    let events = stage.unsent().await;
    assert!(events.len() == 2 && events[1].actor == Some(ann.id), "{events:?}");
    let namesake = Identity { subject: "another".to_owned(), ..identity_of("Ann") };
    assert_eq!(sign_in(&stage, namesake, None).await.role, Role::User, "an address is remembered for one person");

    // With the setting, too, and in the form of DNS.
    assert_eq!(add(&stage, "cat@xn--exmple-cua.test").await, AddAdminOutcome::Remembered);
    let cat = Identity { email: "Cat@EXÄMPLE.test".to_owned(), ..identity_of("Cat") };
    assert_eq!(sign_in(&stage, cat, Some("boss@example.test")).await.role, Role::Admin);
}

async fn address_of_several_or_unverified_people_is_refused_with_their_list(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "s").await;
    sign_in(&stage, identity_of("Boss"), None).await;
    let first = sign_in(&stage, unverified("Ann"), None).await;
    assert_eq!(add(&stage, "ann@example.test").await, AddAdminOutcome::NotOne(vec![first]), "not verified");
    let first = sign_in(&stage, identity_of("Ann"), None).await;
    stage.pass_s(1);
    let namesake = Identity { subject: "another".to_owned(), ..identity_of("Ann") };
    let second = sign_in(&stage, namesake.clone(), None).await;
    assert_eq!(add(&stage, "ann@example.test").await, AddAdminOutcome::NotOne(vec![first.clone(), second]));
    assert_eq!(stage.count_unsent_by_type().await, "admin_added:1", "that of Boss");
    // The address of the second person is not verified any more, so that the first is the only one.
    sign_in(&stage, Identity { is_email_verified: false, ..namesake }, None).await;
    let expected = Person { role: Role::Admin, ..first };
    assert_eq!(add(&stage, "ann@example.test").await, AddAdminOutcome::Added(expected));
}

async fn address_used_at_two_issuers_selects_the_person_of_the_configured_issuer(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "s").await;
    sign_in(&stage, identity_of("Boss"), None).await;
    let elsewhere = Identity { issuer: "https://other.example.test".to_owned(), ..identity_of("Ann") };
    let there = sign_in(&stage, elsewhere, None).await;
    assert_eq!(add(&stage, "ann@example.test").await, AddAdminOutcome::NotOne(vec![there.clone()]));
    let here = sign_in(&stage, identity_of("Ann"), None).await;
    assert_eq!(here.role, Role::User, "the refused address was not remembered");
    assert!(matches!(add(&stage, "ann@example.test").await, AddAdminOutcome::Added(person) if person.id == here.id));
    assert_eq!(must(stage.store.find_person(there.id).await), Some(there));
}

async fn person_is_chosen_among_more_namesakes_than_are_listed(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "s").await;
    sign_in(&stage, identity_of("Boss"), None).await;
    // Characters with a meaning in patterns of LIKE and in regular expressions.
    let named = |identity: Identity| Identity { email: "A_n%n.x+1@Example.test".to_owned(), ..identity };
    for number in 0..=NAMESAKES_MAX {
        let namesake = Identity { subject: format!("namesake {number}"), ..unverified("Ann") };
        sign_in(&stage, named(namesake), None).await;
    }
    // Not namesakes, though patterns without escapes match most of them.
    for other in
        ["Abn%n.x+1@example.test", "A_nnn.x+1@example.test", "A_n%nyx+1@example.test", "b.A_n%n.x+1@example.test"]
    {
        let other = Identity { subject: other.to_owned(), email: other.to_owned(), ..identity_of("Other") };
        sign_in(&stage, other, None).await;
    }
    let listed = match add(&stage, "a_n%n.x+1@example.test").await {
        AddAdminOutcome::NotOne(people) => people.len(),
        other => unreachable!("{other:?}"),
    };
    assert_eq!(listed, NAMESAKES_MAX);
    stage.pass_s(1);
    let ann = sign_in(&stage, named(identity_of("Ann")), None).await;
    let expected = Person { role: Role::Admin, ..ann };
    assert_eq!(add(&stage, "a_n%n.x+1@example.test").await, AddAdminOutcome::Added(expected));
}

async fn added_admin_prevents_a_first_admin_by_the_setting(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "s").await;
    let named = Some("boss@example.test");
    let guest = sign_in(&stage, demo_identity_of("Guest"), None).await;
    sign_in(&stage, identity_of("Ann"), named).await;
    assert!(matches!(add(&stage, "ann@example.test").await, AddAdminOutcome::Added(_)));
    assert_eq!(must(stage.store.find_person(guest.id).await).map(|guest| guest.role), Some(Role::User), "of the demo");
    assert_eq!(sign_in(&stage, identity_of("Boss"), named).await.role, Role::User);
}
