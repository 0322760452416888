//! From the outbox to the log, and from the log to what its consumers keep.

use std::slice;

use jiff::SignedDuration;
use uuid::Uuid;

use super::{BoxOffice, payment_frames::publish_timeouts};
use crate::{
    event::{Event, EventKind},
    ids::{DeadLetterId, EventId, MailId},
    ports::{Backend, BackendError, Consumer, DeadLetter, NewMail},
};

/// How many events one round of the relay moves.
pub const RELAY_EVENTS_MAX: u32 = 256;
/// How long a relay keeps its lease without renewing it.
const RELAY_LEASE: SignedDuration = SignedDuration::from_secs(10);
/// A release that the relay's own server has not told by then is told by whoever sees it.
const RELEASE_LEFT_AFTER: SignedDuration = SignedDuration::from_secs(5);
/// How many releases are told to the outbox at once.
const RELEASES_MAX: usize = 256;

/// One round of the relay: moves unsent events from the outbox to the log. Answers how many it moved; `None` while another
/// relay has the lease.
///
/// # Errors
/// The store or the log failed; nothing is lost, the next round sends again.
pub async fn relay_events(office: &BoxOffice, relay: Uuid) -> Backend<Option<usize>> {
    // A lease is a write: an idle server would otherwise sync ten times a second, day and night, for nothing.
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
            // Another server may reach the log.
            super::best_effort::best_effort(end_lease(office, relay).await, "the lease expires");
            return Err(error);
        }
        let ids: Vec<EventId> = unsent.iter().map(|event| event.id).collect();
        office.outbox.mark_sent(relay, &ids).await?;
        publish_timeouts(office, &unsent).await;
    }
    Ok(Some(unsent.len()))
}

/// Copies releases of locks into the outbox, in events made from their cause: a repeat is the same event. Answers how many.
/// The server whose `relay` has the lease does it; others do only what that one has left for [`RELEASE_LEFT_AFTER`], which
/// it does when it has lost the lock store.
///
/// # Errors
/// The store or the lock store failed; the next round tells them again.
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

/// Ends the relay's lease, if it has one, so that another server goes on at once.
///
/// # Errors
/// The store failed; the lease then ends by itself.
pub async fn end_lease(office: &BoxOffice, relay: Uuid) -> Backend<()> {
    let now = office.now();
    office.outbox.take_relay_lease(relay, now, now).await.map(|_| ())
}

/// Lets a consumer handle events, in order; the effect of each happens once however often this is called.
///
/// # Errors
/// Retryable: the store is away, wait and call again. Lasting: one of these events cannot be handled (with a single one:
/// count the tries, then [`crate::ports::DeadLetters`]); those before it may have been.
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

/// Handles a dead letter once more. `Ok(None)`: there is none of this id; `Ok(Some(Err))`: it failed again, and stays.
///
/// # Errors
/// The store is away.
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
