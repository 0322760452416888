//! Dead letters, for the consumers and administrators.

use async_trait::async_trait;
use jiff::Timestamp;

use super::{Backend, Consumer, Page, PageRequest};
use crate::{event::Event, ids::DeadLetterId};

/// A dead letter: an event that a consumer could not handle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Id of the dead letter.
    pub id: DeadLetterId,
    /// The consumer that could not handle the event.
    pub consumer: Consumer,
    /// The event.
    pub event: Event,
    /// The error of the last attempt.
    pub error: String,
    /// The number of failed attempts to handle the event.
    pub tries: u32,
    /// When the consumer gave up and moved the event here.
    pub at: Timestamp,
}

/// Dead letters. A consumer goes on with the events that follow a dead letter.
#[async_trait]
pub trait DeadLetters: Send + Sync {
    /// Stores a dead letter. A second one with the same consumer and event is ignored.
    async fn put_dead_letter(&self, letter: &DeadLetter) -> Backend<()>;
    /// Finds a dead letter.
    async fn find_dead_letter(&self, id: DeadLetterId) -> Backend<Option<DeadLetter>>;
    /// Lists dead letters, newest first.
    async fn list_dead_letters(&self, page: PageRequest) -> Backend<Page<DeadLetter>>;
    /// Removes a dead letter after its event was handled.
    async fn remove_dead_letter(&self, id: DeadLetterId) -> Backend<()>;
}
