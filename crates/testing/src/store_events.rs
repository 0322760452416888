//! The contract suite for the outbox, mails, the audit log and dead letters of a store.

use std::slice;

use jiff::SignedDuration;
use uuid::Uuid;

use super::{
    mail_of,
    store_fixture::{EVENTS_MAX, Stage, StoreFixture, must, walk},
};
use seatkeeper_core::{
    event::{Event, EventKind},
    ids::{DeadLetterId, EventId, MailId, PersonId},
    money::Money,
    ports::{
        AuditFilter, AuditLog, Consumer, DeadLetter, DeadLetters, Health, Mail, MailAttempt, MailQueue, MailStatus,
        NewMail, Outbox, PageRequest, Store,
    },
};

const RELAY: Uuid = Uuid::from_u128(1);
const OTHER_RELAY: Uuid = Uuid::from_u128(2);

/// Runs the suite on a store.
pub async fn run_all(fixture: &impl StoreFixture) {
    events_wait_in_the_outbox_in_order_until_they_are_sent(fixture).await;
    event_appended_again_to_the_outbox_is_not_sent_again(fixture).await;
    lease_admits_one_relay_at_a_time(fixture).await;
    a_mail_is_filed_once_per_event(fixture).await;
    a_due_mail_is_taken_by_one_sender(fixture).await;
    attempt_to_send_a_mail_is_recorded(fixture).await;
    unsent_mail_is_retried_on_request(fixture).await;
    mail_has_the_address_of_its_last_attempt_or_retry(fixture).await;
    mails_are_listed_newest_first(fixture).await;
    audit_log_stores_an_event_once(fixture).await;
    audit_log_is_filtered_by_type_actor_and_time(fixture).await;
    dead_letter_is_stored_once_per_consumer_and_event(fixture).await;
    store_answers_its_health_check(fixture).await;
}

async fn unsent_ids<S: Store>(stage: &Stage<S>, relay: Uuid) -> Vec<EventId> {
    must(stage.store.list_unsent(relay, EVENTS_MAX).await).iter().map(|event| event.id).collect()
}

async fn events_wait_in_the_outbox_in_order_until_they_are_sent(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "s").await;
    // The events are written in descending order of id. The outbox must return them in the order of writing.
    let mut events: Vec<Event> = (0..5).map(|index| stage.event(&format!("{index}")).in_request(Some("r"))).collect();
    events.sort_by_key(|event| std::cmp::Reverse(event.id));
    must(stage.store.append_events(&events[..2]).await);
    must(stage.store.append_events(&events[2..]).await);
    must(stage.store.append_events(&[]).await);
    assert_eq!(must(stage.store.count_unsent().await), 5);
    assert!(must(stage.store.has_unsent().await));
    assert!(must(stage.store.take_relay_lease(RELAY, stage.now(), stage.after_s(10)).await));
    assert_eq!(must(stage.store.list_unsent(RELAY, 3).await), events[..3]);
    must(stage.store.mark_sent(RELAY, &[events[0].id, events[2].id]).await);
    let left = [&events[1], &events[3], &events[4]].map(Clone::clone);
    assert_eq!(must(stage.store.list_unsent(RELAY, 9).await), left, "selected by flag, not by the last one sent");
    must(stage.store.mark_sent(RELAY, &left.map(|event| event.id)).await);
    assert_eq!(must(stage.store.count_unsent().await), 0);
    assert!(!must(stage.store.has_unsent().await));
}

async fn event_appended_again_to_the_outbox_is_not_sent_again(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "s").await;
    let event = stage.event("once");
    must(stage.store.append_events(&[event.clone(), event.clone()]).await);
    must(stage.store.append_events(std::slice::from_ref(&event)).await);
    assert!(must(stage.store.take_relay_lease(RELAY, stage.now(), stage.after_s(10)).await));
    assert_eq!(unsent_ids(&stage, RELAY).await, [event.id]);
    must(stage.store.mark_sent(RELAY, &[event.id]).await);
    let next = stage.event("next");
    must(stage.store.append_events(&[event, next.clone()]).await);
    assert_eq!(unsent_ids(&stage, RELAY).await, [next.id], "sent events are deduplicated, too");
}

async fn lease_admits_one_relay_at_a_time(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "s").await;
    let event = stage.event("one");
    must(stage.store.append_events(std::slice::from_ref(&event)).await);
    let take = async |relay| must(stage.store.take_relay_lease(relay, stage.now(), stage.after_s(70)).await);
    // The relay of the test stage has a lease of one minute, which has expired now.
    stage.pass_s(60);
    assert!(take(RELAY).await);
    assert!(!take(OTHER_RELAY).await);
    assert_eq!(must(stage.store.find_relay(stage.now()).await), Some(RELAY));
    assert!(unsent_ids(&stage, OTHER_RELAY).await.is_empty(), "not without the lease");
    stage.pass_s(69);
    assert!(take(RELAY).await, "renewed");
    stage.pass_s(69);
    assert!(!take(OTHER_RELAY).await);
    stage.pass_s(1);
    assert_eq!(must(stage.store.find_relay(stage.now()).await), None);
    assert!(take(OTHER_RELAY).await, "the lease expired");
    assert!(!take(RELAY).await);
    must(stage.store.mark_sent(RELAY, &[event.id]).await);
    assert_eq!(unsent_ids(&stage, OTHER_RELAY).await, [event.id], "a former holder marks nothing");
    must(stage.store.mark_sent(OTHER_RELAY, &[event.id]).await);
    assert!(must(stage.store.take_relay_lease(OTHER_RELAY, stage.now(), stage.now()).await));
    assert!(take(RELAY).await, "its holder ended the lease");
    assert_eq!(must(stage.store.count_unsent().await), 0);
}

async fn filed<S: Store>(stage: &Stage<S>) -> NewMail {
    let mail = mail_of(&stage.ids, stage.now());
    must(stage.store.file_mail(&mail).await);
    mail
}

async fn find<S: Store>(stage: &Stage<S>, id: MailId) -> Mail {
    match must(stage.store.find_mail(id).await) {
        Some(mail) => mail,
        None => unreachable!("the mail {id} is missing"),
    }
}

async fn a_mail_is_filed_once_per_event(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "s").await;
    let mail = filed(&stage).await;
    let again =
        NewMail { id: MailId::from_uuid(stage.ids.next_uuid()), to: "x@example.test".to_owned(), ..mail.clone() };
    must(stage.store.file_mail(&again).await);
    must(stage.store.file_mail(&mail).await);
    let expected = Mail { due_at: mail.created_at, mail, status: MailStatus::Pending, attempts: 0, last_error: None };
    assert_eq!(find(&stage, expected.mail.id).await, expected);
    assert_eq!(must(stage.store.list_mails(None, PageRequest::FIRST).await).items, [expected]);
    assert_eq!(must(stage.store.find_mail(again.id).await), None);
}

async fn take<S: Store>(stage: &Stage<S>, limit: u32) -> Vec<MailId> {
    let taken = must(stage.store.take_due_mails(stage.now(), stage.after_s(60), limit).await);
    assert!(taken.iter().all(|mail| mail.due_at == stage.after_s(60)), "leased until then");
    taken.into_iter().map(|mail| mail.mail.id).collect()
}

async fn a_due_mail_is_taken_by_one_sender(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "s").await;
    assert!(take(&stage, 9).await.is_empty());
    let mut mails = Vec::new();
    for _ in 0..3 {
        mails.push(filed(&stage).await.id);
        stage.pass_s(1);
    }
    assert_eq!(take(&stage, 2).await, mails[..2], "oldest first");
    assert_eq!(take(&stage, 2).await, mails[2..]);
    assert!(take(&stage, 2).await.is_empty(), "all are taken");
    stage.pass_s(59);
    assert!(take(&stage, 9).await.is_empty());
    stage.pass_s(1);
    assert_eq!(take(&stage, 9).await.len(), 3, "the senders died");
}

async fn attempt_to_send_a_mail_is_recorded(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "s").await;
    let (sent, later, failed) = (filed(&stage).await, filed(&stage).await, filed(&stage).await);
    assert_eq!(take(&stage, 9).await.len(), 3);
    let due_at = stage.after_s(120);
    let again = MailAttempt::Later { due_at, error: "451 busy".to_owned() };
    let never = MailAttempt::Failed { error: "550 no such user".to_owned() };
    must(stage.store.record_attempt(sent.id, &sent.to, &again).await);
    must(stage.store.record_attempt(sent.id, &sent.to, &MailAttempt::Sent).await);
    must(stage.store.record_attempt(sent.id, &sent.to, &never).await);
    must(stage.store.record_attempt(later.id, &later.to, &again).await);
    must(stage.store.record_attempt(failed.id, &failed.to, &never).await);

    let shown = |mail: Mail| (mail.status, mail.attempts, mail.last_error);
    assert_eq!(shown(find(&stage, sent.id).await), (MailStatus::Sent, 2, None), "SENT is final");
    let waiting = find(&stage, later.id).await;
    assert_eq!(waiting.due_at, due_at);
    assert_eq!(shown(waiting), (MailStatus::Pending, 1, Some("451 busy".to_owned())));
    let over = (MailStatus::Failed, 1, Some("550 no such user".to_owned()));
    assert_eq!(shown(find(&stage, failed.id).await), over);
    stage.pass_s(119);
    assert!(take(&stage, 9).await.is_empty());
    stage.pass_s(1);
    assert_eq!(take(&stage, 9).await, [later.id]);
}

async fn unsent_mail_is_retried_on_request(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "s").await;
    let (sent, failed, on_its_way) = (filed(&stage).await, filed(&stage).await, filed(&stage).await);
    take(&stage, 9).await;
    must(stage.store.record_attempt(sent.id, &sent.to, &MailAttempt::Sent).await);
    must(stage.store.record_attempt(failed.id, &failed.to, &MailAttempt::Failed { error: "no".to_owned() }).await);
    stage.pass_s(1);
    assert!(!must(stage.store.retry_mail(sent.id, &sent.to, stage.now()).await));
    assert!(!must(
        stage.store.retry_mail(MailId::from_uuid(stage.ids.next_uuid()), "x@example.test", stage.now()).await
    ));
    assert!(must(stage.store.retry_mail(failed.id, &failed.to, stage.now()).await));
    assert_eq!(find(&stage, failed.id).await.status, MailStatus::Pending);
    assert_eq!(take(&stage, 9).await, [failed.id]);
    assert!(must(stage.store.retry_mail(on_its_way.id, &on_its_way.to, stage.now()).await));
    assert!(take(&stage, 9).await.is_empty(), "leased by its sender, so not sent twice");
    let later = MailAttempt::Later { due_at: stage.after_s(3_600), error: "busy".to_owned() };
    must(stage.store.record_attempt(on_its_way.id, &on_its_way.to, &later).await);
    assert!(must(stage.store.retry_mail(on_its_way.id, &on_its_way.to, stage.now()).await));
    assert_eq!(take(&stage, 9).await, [on_its_way.id], "due now, without waiting for the backoff");
}

async fn mail_has_the_address_of_its_last_attempt_or_retry(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "s").await;
    let (sent, failed, on_its_way) = (filed(&stage).await, filed(&stage).await, filed(&stage).await);
    take(&stage, 9).await;
    let address = async |mail: &NewMail| find(&stage, mail.id).await.mail.to;
    must(stage.store.retry_mail(on_its_way.id, "retried@example.test", stage.now()).await);
    assert_eq!(address(&on_its_way).await, "retried@example.test");
    let later = MailAttempt::Later { due_at: stage.after_s(60), error: "busy".to_owned() };
    must(stage.store.record_attempt(on_its_way.id, "later@example.test", &later).await);
    assert_eq!(address(&on_its_way).await, "later@example.test");
    let never = MailAttempt::Failed { error: "no".to_owned() };
    must(stage.store.record_attempt(failed.id, "failed@example.test", &never).await);
    assert_eq!(address(&failed).await, "failed@example.test");
    assert!(must(stage.store.retry_mail(failed.id, "new@example.test", stage.now()).await));
    assert_eq!(address(&failed).await, "new@example.test");
    must(stage.store.record_attempt(sent.id, "sent@example.test", &MailAttempt::Sent).await);
    must(stage.store.record_attempt(sent.id, "late@example.test", &never).await);
    assert!(!must(stage.store.retry_mail(sent.id, "other@example.test", stage.now()).await));
    assert_eq!(address(&sent).await, "sent@example.test", "SENT is final");
}

async fn mails_are_listed_newest_first(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "s").await;
    let mut mails = Vec::new();
    for index in 0..5 {
        mails.push(filed(&stage).await);
        stage.pass_s(i64::from(index != 2));
    }
    must(stage.store.record_attempt(mails[4].id, &mails[4].to, &MailAttempt::Sent).await);
    mails.sort_by_key(|mail| std::cmp::Reverse((mail.created_at, mail.id)));
    let ids: Vec<MailId> = mails.iter().map(|mail| mail.id).collect();
    let listed = walk!(stage, |page| list_mails(None, page)).into_iter().map(|mail| mail.mail.id).collect::<Vec<_>>();
    assert_eq!(listed, ids);
    let pending = walk!(stage, |page| list_mails(Some(MailStatus::Pending), page));
    assert_eq!(pending.into_iter().map(|mail| mail.mail.id).collect::<Vec<_>>(), ids[1..]);
    let sent = must(stage.store.list_mails(Some(MailStatus::Sent), PageRequest::FIRST).await);
    assert_eq!(sent.items.len(), 1);
}

fn refund_event<S: Store>(stage: &Stage<S>, actor: PersonId) -> Event {
    let payment_id = seatkeeper_core::ids::PaymentId::from_uuid(stage.ids.next_uuid());
    let amount = Money::satang(20_000);
    let kind = EventKind::PaymentRefunded { payment_id, booking_id: None, amount, reason: "late".to_owned() };
    Event::new(stage.now(), &stage.ids, kind).by(Some(actor)).at_screening(stage.screening.id)
}

async fn audit_log_stores_an_event_once(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "s").await;
    let event = refund_event(&stage, stage.person());
    let other = refund_event(&stage, stage.person());
    must(stage.store.append_audit(&[]).await);
    must(stage.store.append_audit(slice::from_ref(&event)).await);
    must(stage.store.append_audit(&[event.clone(), other.clone(), event.clone()]).await);
    must(stage.store.append_audit(&[other.clone(), event.clone()]).await);
    let page = must(stage.store.list_audit(&AuditFilter::default(), PageRequest::FIRST).await);
    assert_eq!(page.items, [other, event], "whole");
}

async fn audit<S: Store>(stage: &Stage<S>, filter: &AuditFilter) -> Vec<EventId> {
    let page = must(stage.store.list_audit(filter, PageRequest::FIRST).await);
    page.items.into_iter().map(|event| event.id).collect()
}

async fn audit_log_is_filtered_by_type_actor_and_time(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "s").await;
    let (ann, ben) = (stage.person(), stage.person());
    let mut events = Vec::new();
    for actor in [ann, ben, ann] {
        events.push(refund_event(&stage, actor));
        events.push(stage.event("told").by(Some(actor)));
        stage.pass_s(1);
    }
    must(stage.store.append_audit(&events).await);
    let all = AuditFilter::default();
    let mut newest = events.clone();
    newest.sort_by_key(|event| std::cmp::Reverse((event.at, event.id)));
    let ids: Vec<EventId> = newest.iter().map(|event| event.id).collect();
    let listed = walk!(stage, |page| list_audit(&all, page));
    assert_eq!(listed.into_iter().map(|event| event.id).collect::<Vec<_>>(), ids);
    let of_type = AuditFilter { type_name: Some("PAYMENT_REFUNDED".to_owned()), ..all.clone() };
    assert_eq!(audit(&stage, &of_type).await, [events[4].id, events[2].id, events[0].id]);
    let of_ben = AuditFilter { actor: Some(ben), ..of_type };
    assert_eq!(audit(&stage, &of_ben).await, [events[2].id]);
    let from = AuditFilter { from: Some(events[2].at), ..all.clone() };
    assert_eq!(audit(&stage, &from).await, ids[..4]);
    let before = AuditFilter { before: Some(events[2].at), ..all.clone() };
    assert_eq!(audit(&stage, &before).await, ids[4..]);
    let none = AuditFilter { type_name: Some("NO_SUCH_TYPE".to_owned()), ..all };
    assert!(audit(&stage, &none).await.is_empty());
}

async fn dead_letter_is_stored_once_per_consumer_and_event(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "s").await;
    let event = stage.event("poison");
    let letter = |consumer, event: &Event| DeadLetter {
        id: DeadLetterId::from_uuid(stage.ids.next_uuid()),
        consumer,
        event: event.clone(),
        error: "cannot be read".to_owned(),
        tries: 8,
        at: stage.now(),
    };
    let first = letter(Consumer::Mail, &event);
    must(stage.store.put_dead_letter(&first).await);
    must(stage.store.put_dead_letter(&letter(Consumer::Mail, &event)).await);
    stage.clock.advance(SignedDuration::from_secs(1));
    let second = letter(Consumer::Audit, &event);
    must(stage.store.put_dead_letter(&second).await);
    stage.clock.advance(SignedDuration::from_secs(1));
    let third = letter(Consumer::Mail, &stage.event("other"));
    must(stage.store.put_dead_letter(&third).await);
    let listed = walk!(stage, |page| list_dead_letters(page));
    assert_eq!(listed, [third, second.clone(), first.clone()], "once per consumer and event, newest first");
    assert_eq!(must(stage.store.find_dead_letter(first.id).await), Some(first.clone()));
    must(stage.store.remove_dead_letter(first.id).await);
    must(stage.store.remove_dead_letter(first.id).await);
    assert_eq!(must(stage.store.find_dead_letter(first.id).await), None);
    assert_eq!(must(stage.store.find_dead_letter(second.id).await), Some(second));
}

async fn store_answers_its_health_check(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "s").await;
    assert_eq!(stage.store.part(), "store");
    must(stage.store.ping().await);
}
