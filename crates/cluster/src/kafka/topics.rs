//! Creates the topics once a broker is reachable.

use std::sync::atomic::{AtomicBool, Ordering};

use rdkafka::{
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    config::FromClientConfigAndContext,
    types::RDKafkaErrorCode,
};
use seatkeeper_core::ports::Backend;
use tokio::sync::Mutex;

use super::{
    quiet::Quiet,
    settings::{ANSWER_WITHIN, KafkaSettings, MESSAGE_BYTES_MAX, retryable},
};

/// Number of partitions of the topic of events. It limits how many servers can read events in parallel.
const EVENTS_PARTITIONS: i32 = 12;
/// Number of partitions of the topic of dead letters, which are rare.
const DEAD_LETTER_PARTITIONS: i32 = 1;
/// Retention of both topics in milliseconds: 30 days, longer than any expected outage of the consumers.
const KEPT_MS: &str = "2592000000";
/// New topics get the default replication factor of the brokers.
const BROKERS_CHOICE: TopicReplication<'static> = TopicReplication::Fixed(-1);

/// Creates both topics before their first use; not at startup, so that the program starts without a broker.
pub(super) struct Topics {
    settings: KafkaSettings,
    are_there: AtomicBool,
    making: Mutex<()>,
}

impl Topics {
    pub(super) fn new(settings: KafkaSettings) -> Self {
        Self { settings, are_there: AtomicBool::new(false), making: Mutex::new(()) }
    }

    /// Creates the missing topics. Existing topics are not changed.
    pub(super) async fn make(&self) -> Backend<()> {
        if self.are_there.load(Ordering::Acquire) {
            return Ok(());
        }
        let _guard = self.making.lock().await;
        if self.are_there.load(Ordering::Acquire) {
            return Ok(());
        }
        let admin = AdminClient::from_config_and_context(&self.settings.client(), Quiet).map_err(retryable)?;
        let made = self.make_with(&admin).await;
        // Dropping a client blocks until its thread has ended, so it is dropped on a blocking thread.
        tokio::task::spawn_blocking(move || drop(admin));
        self.are_there.store(made.is_ok(), Ordering::Release);
        made
    }

    async fn make_with(&self, admin: &AdminClient<Quiet>) -> Backend<()> {
        let (events, dead_letters) = (self.settings.events_topic(), self.settings.dead_letter_topic());
        let longest = MESSAGE_BYTES_MAX.to_string();
        let topics = [
            NewTopic::new(&events, EVENTS_PARTITIONS, BROKERS_CHOICE).set("retention.ms", KEPT_MS),
            NewTopic::new(&dead_letters, DEAD_LETTER_PARTITIONS, BROKERS_CHOICE)
                .set("retention.ms", KEPT_MS)
                .set("max.message.bytes", &longest),
        ];
        let patience = AdminOptions::new().request_timeout(Some(ANSWER_WITHIN)).operation_timeout(Some(ANSWER_WITHIN));
        let answers = admin.create_topics(&topics, &patience).await.map_err(retryable)?;
        let is_missing = |code: &RDKafkaErrorCode| *code != RDKafkaErrorCode::TopicAlreadyExists;
        match answers.into_iter().filter_map(Result::err).find(|(_, code)| is_missing(code)) {
            Some((name, code)) => Err(retryable(format!("topic {name} could not be created: {code}"))),
            None => Ok(()),
        }
    }

    /// Makes the next call of [`Self::make`] check the topics again, because one may have been deleted.
    pub(super) fn look_again(&self) {
        self.are_there.store(false, Ordering::Release);
    }
}
