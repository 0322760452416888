//! The consumers of the event log: the audit log, and confirmation mails.

use super::BoxOffice;
use crate::{
    event::{Event, EventKind},
    ids::MailId,
    ports::{Backend, BackendError, Consumer, NewMail},
};

/// Lets a consumer handle events in order. Idempotent: each event takes effect once, even if it is delivered
/// repeatedly.
///
/// # Errors
/// A retryable error: a call to the store failed; call again later. A lasting error: one of the events cannot be
/// handled, and events before it may have been handled. The caller then retries event by event, counts the attempts,
/// and moves the failing event to [`crate::ports::DeadLetters`].
pub async fn handle_events(office: &BoxOffice, consumer: Consumer, events: &[Event]) -> Backend<()> {
    match consumer {
        Consumer::Audit => office.stores.audit.append_audit(events).await?,
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
    let booking = office.stores.sales.find_booking(*booking_id).await?.ok_or_else(|| missing("booking"))?;
    let person = office.stores.people.find_person(booking.person_id).await?.ok_or_else(|| missing("customer"))?;
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
    office.stores.mails.file_mail(&mail).await
}
