//! The lag of a consumer group: the number of messages that it has not handled yet.
//!
//! A broker answers the requests of one connection in order, and on a reader's connection a fetch usually blocks for
//! half a second. So lags are queried by separate clients, which neither fetch messages nor join the group.

use std::{
    collections::HashMap,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use rdkafka::{
    Offset, TopicPartitionList,
    config::FromClientConfigAndContext,
    consumer::{BaseConsumer, Consumer as _},
    error::KafkaResult,
};
use seatkeeper_core::ports::{Backend, Consumer};
use tokio::task;

use super::{
    buffer::SharedBuffer,
    quiet::Quiet,
    settings::{ANSWER_WITHIN, GroupProtocol, KafkaSettings, retryable},
};

/// How long a lag is cached. It is only displayed and exported as a metric.
const FRESH_FOR: Duration = Duration::from_secs(1);
/// Pause between retries of a query.
const ASK_EVERY: Duration = Duration::from_millis(50);

type Client = BaseConsumer<Quiet>;

/// Queries and caches the lags of all consumer groups.
pub(super) struct Lags {
    settings: KafkaSettings,
    clients: Mutex<HashMap<Consumer, Arc<Client>>>,
    known: Mutex<HashMap<Consumer, (Instant, u64)>>,
}

impl Lags {
    pub(super) fn new(settings: KafkaSettings) -> Self {
        Self { settings, clients: Mutex::default(), known: Mutex::default() }
    }

    /// The lag of the consumer's group. Messages that are acknowledged in `buffer` do not count, even if their offsets
    /// are not committed yet.
    pub(super) async fn find(&self, consumer: Consumer, buffer: Option<SharedBuffer>) -> Backend<u64> {
        let known = self.known.lock().get(&consumer).copied();
        if let Some((asked_at, lag)) = known
            && asked_at.elapsed() < FRESH_FOR
        {
            return Ok(lag);
        }
        let (client, topic) = (self.client(consumer).map_err(retryable)?, self.settings.events_topic());
        let asked = task::spawn_blocking(move || ask(&client, &topic, buffer.as_ref()));
        let lag = asked.await.map_err(retryable)?.map_err(retryable)?;
        self.known.lock().insert(consumer, (Instant::now(), lag));
        Ok(lag)
    }

    /// Invalidates the cached lags, after a publication or an acknowledgement.
    pub(super) fn forget(&self) {
        self.known.lock().clear();
    }

    fn client(&self, consumer: Consumer) -> KafkaResult<Arc<Client>> {
        let mut clients = self.clients.lock();
        if let Some(client) = clients.get(&consumer) {
            return Ok(Arc::clone(client));
        }
        let mut config = self.settings.consumer(consumer, GroupProtocol::Classic);
        config.set("enable.auto.commit", "false");
        let client = Arc::new(Client::from_config_and_context(&config, Quiet)?);
        clients.insert(consumer, Arc::clone(&client));
        Ok(client)
    }
}

/// Queries the brokers for a lag. Retries while a partition has no leader, as of a new topic or after a broker was
/// lost. Blocks for about [`ANSWER_WITHIN`] at most.
fn ask(client: &Client, topic: &str, buffer: Option<&SharedBuffer>) -> KafkaResult<u64> {
    let asked_at = Instant::now();
    loop {
        // Drains the client's queue of errors, which would otherwise grow without a limit.
        while client.poll(Duration::ZERO).is_some() {}
        let answer = ask_once(client, topic, buffer, asked_at);
        if answer.is_ok() || asked_at.elapsed() >= ANSWER_WITHIN {
            return answer;
        }
        thread::sleep(ASK_EVERY);
    }
}

/// Sums the lag of all partitions, also of those that other servers read. The lag of a partition is its end offset
/// minus the group's committed offset.
fn ask_once(client: &Client, topic: &str, buffer: Option<&SharedBuffer>, asked_at: Instant) -> KafkaResult<u64> {
    let within = || ANSWER_WITHIN.saturating_sub(asked_at.elapsed());
    let metadata = client.fetch_metadata(Some(topic), within())?;
    let described = metadata.topics().iter().flat_map(|topic| topic.partitions());
    let partitions: Vec<i32> = described.map(|partition| partition.id()).collect();
    let list = |offset| list_of(topic, &partitions, offset);
    let ends = client.offsets_for_times(list(Offset::End)?, within())?;
    let starts = client.offsets_for_times(list(Offset::Beginning)?, within())?;
    let committed = client.committed_offsets(list(Offset::Invalid)?, within())?;
    let done = |partition| buffer.and_then(|buffer| buffer.lock().done_to(partition));
    let behind = partitions.iter().map(|partition| {
        let at = |list| offset_of(list, topic, *partition);
        let next = at(&committed).max(done(*partition)).max(at(&starts)).unwrap_or(0);
        u64::try_from(at(&ends).unwrap_or(0) - next).unwrap_or(0)
    });
    Ok(behind.sum())
}

fn list_of(topic: &str, partitions: &[i32], offset: Offset) -> KafkaResult<TopicPartitionList> {
    let mut list = TopicPartitionList::new();
    for partition in partitions {
        list.add_partition_offset(topic, *partition, offset)?;
    }
    Ok(list)
}

fn offset_of(list: &TopicPartitionList, topic: &str, partition: i32) -> Option<i64> {
    match list.find_partition(topic, partition)?.offset() {
        Offset::Offset(offset) => Some(offset),
        Offset::Beginning | Offset::End | Offset::Stored | Offset::Invalid | Offset::OffsetTail(_) => None,
    }
}
