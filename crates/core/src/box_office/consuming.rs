//! The relay, from the outbox to the event log, and the consumers of the event log.

use std::slice;

use jiff::SignedDuration;
use uuid::Uuid;

use super::{BoxOffice, payment_frames::publish_timeouts};
use crate::{
    event::{Event, EventKind},
    ids::{DeadLetterId, EventId, MailId},
    ports::{Backend, BackendError, Consumer, DeadLetter, NewMail},
};

/// The most events that one round of the relay publishes.
pub const RELAY_EVENTS_MAX: u32 = 256;
/// How long the relay's lease lasts unless it is renewed.
const RELAY_LEASE: SignedDuration = SignedDuration::from_secs(10);
/// Any server copies a release of this age to the outbox: the relay's server has probably lost the lock store.
const RELEASE_LEFT_AFTER: SignedDuration = SignedDuration::from_secs(5);
/// The most releases that are copied to the outbox at once.
const RELEASES_MAX: usize = 256;

/// One round of the relay: publishes unsent events of the outbox to the event log. Returns how many; `None` while another
/// relay has the lease.
///
/// # Errors
/// The store or the event log failed. No event is lost: the next round publishes it again.
pub async fn relay_events(office: &BoxOffice, relay: Uuid) -> Backend<Option<usize>> {
    // Taking the lease is a write: without this check an idle server would sync the disk ten times a second.
    if !office.outbox.has_unsent().await? {
        return Ok(Some(0));
    }
    let now = office.now();
    let until = now.saturating_add(RELAY_LEASE).unwrap_or(now);
    if !office.outbox.take_relay_lease(relay, now, until).await? {
        return Ok(None);
    }
    let unsent = office.outbox.list_unsent(relay, RELAY_EVENTS_MAX).await?;
    if !unsent.is_empty() {
        if let Err(error) = office.events.publish(&unsent).await {
            // Another server may still reach the event log, so it gets the lease at once.
            super::best_effort::best_effort(end_lease(office, relay).await, "the lease expires");
            return Err(error);
        }
        let ids: Vec<EventId> = unsent.iter().map(|event| event.id).collect();
        office.outbox.mark_sent(relay, &ids).await?;
        publish_timeouts(office, &unsent).await;
    }
    Ok(Some(unsent.len()))
}

/// Copies releases of locks to the outbox. Idempotent, because the event's id derives from the release. Returns how many.
/// The server whose `relay` has the lease copies all of them; others copy only those older than [`RELEASE_LEFT_AFTER`], in
/// case that server has lost the lock store.
///
/// # Errors
/// The store or the lock store failed; the next round copies the releases again.
pub async fn tell_releases(office: &BoxOffice, relay: Uuid) -> Backend<usize> {
    let mut releases = office.locks.list_releases(None, RELEASES_MAX).await?;
    if releases.is_empty() {
        return Ok(0);
    }
    let now = office.now();
    if office.outbox.find_relay(now).await?.is_some_and(|other| other != relay) {
        let left_before = now.saturating_sub(RELEASE_LEFT_AFTER).unwrap_or(now).as_millisecond();
        releases.retain(|release| release.at <= left_before);
    }
    if !releases.is_empty() {
        let events: Vec<Event> = releases.iter().map(Event::of_release).collect();
        office.outbox.append_events(&events).await?;
        office.locks.forget_releases(&releases).await?;
    }
    Ok(releases.len())
}

/// Ends the relay's lease, if it has one, so that another server takes over at once.
///
/// # Errors
/// The store failed; the lease then expires.
pub async fn end_lease(office: &BoxOffice, relay: Uuid) -> Backend<()> {
    let now = office.now();
    office.outbox.take_relay_lease(relay, now, now).await.map(|_| ())
}

/// Lets a consumer handle events, in order. Idempotent: each event takes effect once, however often it is delivered.
///
/// # Errors
/// Retryable: the store is unavailable, call again later. Lasting: one of the events cannot be handled, and those before it
/// may have been. Called with one event: count the attempts, then move it to [`crate::ports::DeadLetters`].
pub async fn handle_events(office: &BoxOffice, consumer: Consumer, events: &[Event]) -> Backend<()> {
    match consumer {
        Consumer::Audit => office.audit.keep_events(events).await?,
        Consumer::Mail => {
            for event in events {
                file_confirmation(office, event).await?;
            }
        }
    }
    Ok(())
}

async fn file_confirmation(office: &BoxOffice, event: &Event) -> Backend<()> {
    let EventKind::BookingSuccess { booking_id, code, .. } = &event.kind else { return Ok(()) };
    let missing = |what: &str| BackendError::lasting("mail", format!("{what} of {booking_id} is missing"));
    let booking = office.sales.find_booking(*booking_id).await?.ok_or_else(|| missing("booking"))?;
    let person = office.people.find_person(booking.person_id).await?.ok_or_else(|| missing("customer"))?;
    let mail = NewMail {
        id: MailId::generate(office.now(), &*office.entropy),
        event_id: event.id,
        booking_id: *booking_id,
        booking_code: code.clone(),
        to: person.email,
        name: person.name,
        language: person.language,
        created_at: office.now(),
    };
    office.mails.file_mail(&mail).await
}

/// Retries a dead letter. `Ok(None)`: no dead letter has this id; `Ok(Some(Err))`: it failed again and stays.
///
/// # Errors
/// The store is unavailable.
pub async fn replay_dead_letter(office: &BoxOffice, id: DeadLetterId) -> Backend<Option<Result<DeadLetter, String>>> {
    let Some(letter) = office.dead_letters.find_dead_letter(id).await? else { return Ok(None) };
    match handle_events(office, letter.consumer, slice::from_ref(&letter.event)).await {
        Ok(()) => {
            office.dead_letters.remove_dead_letter(id).await?;
            Ok(Some(Ok(letter)))
        }
        Err(error) if error.retryable => Err(error),
        Err(error) => Ok(Some(Err(error.source.to_string()))),
    }
}
