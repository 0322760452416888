//! Reads the event log for one consumer. An event whose handling fails eight times becomes a dead letter, which an
//! administrator can replay, and does not block later events. While the store is unavailable, the consumer retries
//! without counting the failures.

use std::{panic::AssertUnwindSafe, slice, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::FutureExt;
use seatkeeper_core::{
    box_office::{BoxOffice, handle_events},
    event::Event,
    ids::DeadLetterId,
    ports::{Backend, BackendError, Consumer, DeadLetter, LoggedEvent},
};

use super::job::{Job, Next};

/// Limit of the events that one round handles.
const CONSUMER_EVENTS_MAX: u32 = 64;
/// Number of failures after which an event becomes a dead letter.
const HANDLING_TRIES_MAX: u32 = 8;
const CONSUMER_PERIOD: Duration = Duration::from_millis(100);

pub(super) struct EventConsumer {
    office: Arc<BoxOffice>,
    consumer: Consumer,
    /// The position of the event whose handling keeps failing, and its number of failures. Not persisted: after a
    /// restart the count starts at zero.
    stuck: Option<(i64, u32)>,
}

impl EventConsumer {
    pub(super) fn new(office: Arc<BoxOffice>, consumer: Consumer) -> Self {
        Self { office, consumer, stuck: None }
    }

    /// Handles all events together. Returns false when one of them cannot be handled.
    async fn handle_all(&self, next: &[LoggedEvent]) -> Backend<bool> {
        let events: Vec<Event> = next.iter().map(|logged| logged.event.clone()).collect();
        match self.handle_unless_panic(&events).await {
            Err(error) if error.retryable => Err(error),
            handled => Ok(handled.is_ok()),
        }
    }

    /// Treats a panic as a permanent failure, so that an event that makes the program panic becomes a dead letter.
    /// Otherwise it would block this consumer on every server for ever.
    async fn handle_unless_panic(&self, events: &[Event]) -> Backend<()> {
        let handled = AssertUnwindSafe(handle_events(&self.office, self.consumer, events)).catch_unwind().await;
        handled.unwrap_or_else(|_panic| Err(BackendError::lasting(self.name(), "handling the event panicked")))
    }

    /// Handles one event. Returns false when it must be retried.
    async fn handle(&mut self, logged: &LoggedEvent) -> Backend<bool> {
        let error = match self.handle_unless_panic(slice::from_ref(&logged.event)).await {
            Ok(()) => return Ok(true),
            Err(error) if error.retryable => return Err(error),
            Err(error) => error,
        };
        let tries = self.stuck.filter(|(position, _)| *position == logged.position).map_or(1, |(_, tries)| tries + 1);
        self.stuck = Some((logged.position, tries));
        if tries < HANDLING_TRIES_MAX {
            return Ok(false);
        }
        let event = &logged.event;
        tracing::error!(consumer = self.name(), event = %event.id, %error, "event moved to the dead letters");
        let now = self.office.now();
        let letter = DeadLetter {
            id: DeadLetterId::generate(now, &*self.office.entropy),
            consumer: self.consumer,
            event: event.clone(),
            error: error.source.to_string(),
            tries,
            at: now,
        };
        self.office.stores.dead_letters.put_dead_letter(&letter).await?;
        Ok(true)
    }
}

#[async_trait]
impl Job for EventConsumer {
    fn name(&self) -> &'static str {
        self.consumer.into()
    }

    fn period(&self) -> Duration {
        CONSUMER_PERIOD
    }

    async fn run(&mut self) -> Backend<Next> {
        let next = self.office.stores.events.list_next(self.consumer, CONSUMER_EVENTS_MAX).await?;
        if next.is_empty() {
            return Ok(Next::AfterPause);
        }
        let (mut done_to, mut outcome) = (None, Ok(true));
        // Only the audit consumer writes many events together. Mails are queued one by one, because a batch that fails
        // could be half done.
        if self.consumer == Consumer::Audit && self.handle_all(&next).await? {
            done_to = next.last().map(|logged| logged.position);
        } else {
            // Handles the events one by one, to find those that fail.
            for logged in &next {
                outcome = self.handle(logged).await;
                if !matches!(outcome, Ok(true)) {
                    break;
                }
                done_to = Some(logged.position);
            }
        }
        // Delivery is at least once: the effect is stored before the position is acknowledged, and an event that is
        // delivered again has no further effect.
        if let Some(position) = done_to {
            self.office.stores.events.acknowledge(self.consumer, position).await?;
        }
        let all_done = outcome?;
        Ok(if all_done && next.len() >= CONSUMER_EVENTS_MAX as usize { Next::AtOnce } else { Next::AfterPause })
    }
}
