//! Reads the event log for one consumer. An event that cannot be handled is tried eight times, then put aside where an
//! administrator sees it; it stops nothing else. A store that is away is waited for and counts for nothing.

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

/// How many events one round handles.
const CONSUMER_EVENTS_MAX: u32 = 64;
/// An event is put aside after so many failures of its own.
const HANDLING_TRIES_MAX: u32 = 8;
const CONSUMER_PERIOD: Duration = Duration::from_millis(100);

pub(super) struct EventConsumer {
    office: Arc<BoxOffice>,
    consumer: Consumer,
    /// The event at which this consumer is stuck, and its failures so far. A restart counts anew.
    stuck: Option<(i64, u32)>,
}

impl EventConsumer {
    pub(super) fn new(office: Arc<BoxOffice>, consumer: Consumer) -> Self {
        Self { office, consumer, stuck: None }
    }

    /// Handles all of these at once, which mostly can be done; false when one of them cannot.
    async fn handle_all(&self, next: &[LoggedEvent]) -> Backend<bool> {
        let events: Vec<Event> = next.iter().map(|logged| logged.event.clone()).collect();
        match self.handle_unless_panic(&events).await {
            Err(error) if error.retryable => Err(error),
            handled => Ok(handled.is_ok()),
        }
    }

    /// A panic is a lasting failure, so that an event at which the program panics is put aside like any other that cannot be
    /// handled, instead of stopping this consumer on every server for good.
    async fn handle_unless_panic(&self, events: &[Event]) -> Backend<()> {
        let handled = AssertUnwindSafe(handle_events(&self.office, self.consumer, events)).catch_unwind().await;
        handled
            .unwrap_or_else(|_panic| Err(BackendError::lasting(self.consumer.as_str(), "handling the event panicked")))
    }

    /// Handles one event; false when it is to be tried again.
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
        tracing::error!(consumer = self.consumer.as_str(), event = %event.id, %error, "event put aside");
        let now = self.office.now();
        let letter = DeadLetter {
            id: DeadLetterId::generate(now, &*self.office.entropy),
            consumer: self.consumer,
            event: event.clone(),
            error: error.source.to_string(),
            tries,
            at: now,
        };
        self.office.dead_letters.put_dead_letter(&letter).await?;
        self.office.events.tell_dead_letter(&letter).await?;
        Ok(true)
    }
}

#[async_trait]
impl Job for EventConsumer {
    fn name(&self) -> &'static str {
        self.consumer.as_str()
    }

    fn period(&self) -> Duration {
        CONSUMER_PERIOD
    }

    async fn run(&mut self) -> Backend<Next> {
        let next = self.office.events.list_next(self.consumer, CONSUMER_EVENTS_MAX).await?;
        if next.is_empty() {
            return Ok(Next::AfterPause);
        }
        let (mut done_to, mut outcome) = (None, Ok(true));
        // Only the audit log takes many in one write; of several mails those that are filed are done.
        if self.consumer == Consumer::Audit && self.handle_all(&next).await? {
            done_to = next.last().map(|logged| logged.position);
        } else {
            // One by one, to find those that cannot be handled.
            for logged in &next {
                outcome = self.handle(logged).await;
                if !matches!(outcome, Ok(true)) {
                    break;
                }
                done_to = Some(logged.position);
            }
        }
        // The effect first, then the place: an event whose effect is kept may come again, and changes nothing.
        if let Some(position) = done_to {
            self.office.events.acknowledge(self.consumer, position).await?;
        }
        let all_done = outcome?;
        Ok(if all_done && next.len() >= CONSUMER_EVENTS_MAX as usize { Next::AtOnce } else { Next::AfterPause })
    }
}
