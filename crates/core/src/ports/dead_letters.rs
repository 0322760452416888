//! Dead letters, for the consumers and administrators.

use async_trait::async_trait;
use jiff::Timestamp;

use super::{Backend, Consumer, Page, PageRequest};
use crate::{event::Event, ids::DeadLetterId};

/// An event that a consumer could not handle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its id.
    pub id: DeadLetterId,
    /// The consumer that failed.
    pub consumer: Consumer,
    /// The event.
    pub event: Event,
    /// The last error.
    pub error: String,
    /// The number of attempts.
    pub tries: u32,
    /// When the consumer gave up.
    pub at: Timestamp,
}

/// Dead letters. They do not block the events after them.
#[async_trait]
pub trait DeadLetters: Send + Sync {
    /// Writes a dead letter, once per consumer and event.
    async fn put_dead_letter(&self, letter: &DeadLetter) -> Backend<()>;
    /// Finds a dead letter.
    async fn find_dead_letter(&self, id: DeadLetterId) -> Backend<Option<DeadLetter>>;
    /// Newest first.
    async fn list_dead_letters(&self, page: PageRequest) -> Backend<Page<DeadLetter>>;
    /// Removes a dead letter whose event was handled after all.
    async fn remove_dead_letter(&self, id: DeadLetterId) -> Backend<()>;
}
