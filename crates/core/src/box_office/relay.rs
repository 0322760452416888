//! The relay, from the outbox to the event log.

use jiff::SignedDuration;
use uuid::Uuid;

use super::{BoxOffice, best_effort::best_effort, payment_frames::publish_timeouts};
use crate::{event::Event, ids::EventId, ports::Backend};

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
    if !office.stores.outbox.has_unsent().await? {
        return Ok(Some(0));
    }
    let now = office.now();
    let until = now.saturating_add(RELAY_LEASE).unwrap_or(now);
    if !office.stores.outbox.take_relay_lease(relay, now, until).await? {
        return Ok(None);
    }
    let unsent = office.stores.outbox.list_unsent(relay, RELAY_EVENTS_MAX).await?;
    if !unsent.is_empty() {
        if let Err(error) = office.stores.events.publish(&unsent).await {
            // Another server may still reach the event log, so it gets the lease at once.
            best_effort(end_lease(office, relay).await, "the lease expires");
            return Err(error);
        }
        let ids: Vec<EventId> = unsent.iter().map(|event| event.id).collect();
        office.stores.outbox.mark_sent(relay, &ids).await?;
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
pub async fn publish_releases(office: &BoxOffice, relay: Uuid) -> Backend<usize> {
    let mut releases = office.locks.list_releases(None, RELEASES_MAX).await?;
    if releases.is_empty() {
        return Ok(0);
    }
    let now = office.now();
    if office.stores.outbox.find_relay(now).await?.is_some_and(|other| other != relay) {
        let left_before = now.saturating_sub(RELEASE_LEFT_AFTER).unwrap_or(now).as_millisecond();
        releases.retain(|release| release.at <= left_before);
    }
    if !releases.is_empty() {
        let events: Vec<Event> = releases.iter().map(Event::of_release).collect();
        office.stores.outbox.append_events(&events).await?;
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
    office.stores.outbox.take_relay_lease(relay, now, now).await.map(|_| ())
}
