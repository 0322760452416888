//! Publishes the store's dead letters to Kafka.

use std::sync::Arc;

use async_trait::async_trait;
use seatkeeper_core::{
    ids::DeadLetterId,
    ports::{Backend, DeadLetter, DeadLetters, Page, PageRequest},
};

use super::KafkaLog;

/// The store's dead letters. Each new one is also published, at least once, to a Kafka topic for other programs.
pub struct PublishedDeadLetters {
    stored: Arc<dyn DeadLetters>,
    log: Arc<KafkaLog>,
}

impl PublishedDeadLetters {
    /// Creates dead letters that are stored in `stored` and published to `log`.
    #[must_use]
    pub fn new(stored: Arc<dyn DeadLetters>, log: Arc<KafkaLog>) -> Self {
        Self { stored, log }
    }
}

#[async_trait]
impl DeadLetters for PublishedDeadLetters {
    async fn put_dead_letter(&self, letter: &DeadLetter) -> Backend<()> {
        self.stored.put_dead_letter(letter).await?;
        self.log.publish_dead_letter(letter).await
    }

    async fn find_dead_letter(&self, id: DeadLetterId) -> Backend<Option<DeadLetter>> {
        self.stored.find_dead_letter(id).await
    }

    async fn list_dead_letters(&self, page: PageRequest) -> Backend<Page<DeadLetter>> {
        self.stored.list_dead_letters(page).await
    }

    async fn remove_dead_letter(&self, id: DeadLetterId) -> Backend<()> {
        self.stored.remove_dead_letter(id).await
    }
}
