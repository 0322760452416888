//! The relay, which publishes events from the outbox to the event log.

use jiff::SignedDuration;
use uuid::Uuid;

use super::{BoxOffice, best_effort::best_effort, payment_frames::publish_timeouts};
use crate::{
    event::Event,
    ids::EventId,
    ports::{Backend, RELAY_LEASE_MAX},
};

/// The most events that one round of the relay publishes.
pub const RELAY_EVENTS_MAX: u32 = 256;

/// How long the relay's lease lasts after it was taken or renewed.
const RELAY_LEASE: SignedDuration = RELAY_LEASE_MAX;

/// A release that is older than this is copied to the outbox by any server, because the server with the relay's lease
/// has probably lost its connection to the lock store.
const RELEASE_LEFT_AFTER: SignedDuration = SignedDuration::from_secs(5);

/// The most releases that one call copies to the outbox.
const RELEASES_MAX: usize = 256;

/// Runs one round of the relay: publishes unsent events of the outbox to the event log, and returns their number.
/// `None` while another relay has the lease.
///
/// # Errors
/// A call to the store or to the event log failed. No event is lost: the next round publishes it again.
pub async fn relay_events(office: &BoxOffice, relay: Uuid) -> Backend<Option<usize>> {
    // Taking the lease is a write. Without this check an idle server would sync the disk ten times a second.
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
            // Another server may still reach the event log, so the lease is ended and that server can take it at once.
            best_effort(end_lease(office, relay).await, "the lease expires");
            return Err(error);
        }
        let ids: Vec<EventId> = unsent.iter().map(|event| event.id).collect();
        office.stores.outbox.mark_sent(relay, &ids).await?;
        publish_timeouts(office, &unsent).await;
    }
    Ok(Some(unsent.len()))
}

/// Copies releases of locks to the outbox, and returns their number. Idempotent, because the event's id derives from
/// the release. The server whose `relay` has the lease copies all releases. Other servers copy only those older than
/// [`RELEASE_LEFT_AFTER`], in case that server cannot reach the lock store.
///
/// # Errors
/// A call to the store or to the lock store failed; the next round copies the releases again.
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

/// Ends the lease of `relay`, if it has the lease, so that another server takes over at once.
///
/// # Errors
/// A call to the store failed; the lease then ends by its expiry.
pub async fn end_lease(office: &BoxOffice, relay: Uuid) -> Backend<()> {
    let now = office.now();
    office.stores.outbox.take_relay_lease(relay, now, now).await.map(|_| ())
}
