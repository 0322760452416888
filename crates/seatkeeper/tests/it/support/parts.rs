//! The services that the program uses: none besides its own folder (embedded mode), or real ones (cluster mode).
//! `SEATKEEPER_TEST_MODE=cluster` runs the whole suite on real services.

use std::time::{Duration, Instant};

#[cfg(feature = "cluster")]
use seatkeeper_testbed::{KafkaServer, MongoServer, RedisServer, free_port, shared_mongo_url};
#[cfg(feature = "cluster")]
use tokio::sync::Mutex;
use tokio::time::sleep;

use super::Answer;

/// The environment variable that selects the mode: `embedded` or `cluster`.
const MODE_VARIABLE: &str = "SEATKEEPER_TEST_MODE";
/// Time limit of a call, including its retries after 503.
const SERVED_WITHIN: Duration = Duration::from_secs(120);

/// Longest pause before a click in a storm. The tests' stand-in for MongoDB is a hundred times slower than SQLite;
/// clicks without pauses would only queue up in front of it.
pub(crate) fn thought_max() -> Duration {
    if is_cluster() { Duration::from_secs(2) } else { Duration::ZERO }
}

/// Repeats a call while it is answered 503, each time after `Retry-After`. In embedded mode a 503 is returned to the
/// caller.
pub(crate) async fn served<F: Future<Output = Answer>>(mut ask: impl FnMut() -> F) -> Answer {
    let asked = Instant::now();
    loop {
        let answer = ask().await;
        if answer.status != 503 || !is_cluster() {
            return answer;
        }
        come_back(asked, &answer).await;
    }
}

/// Waits as long as `Retry-After` of a 503 says. Panics in embedded mode, which must not answer 503, and after
/// [`SERVED_WITHIN`].
pub(crate) async fn come_back(asked: Instant, answer: &Answer) {
    assert!(answer.status == 503 && is_cluster() && asked.elapsed() < SERVED_WITHIN, "{answer:?}");
    sleep(Duration::from_secs(answer.header("retry-after").parse().unwrap())).await;
}

/// Whether this run of the suite uses real services.
pub(crate) fn is_cluster() -> bool {
    std::env::var(MODE_VARIABLE).is_ok_and(|mode| mode == "cluster")
}

/// The services of one cinema, which all of its servers share.
pub(crate) enum Parts {
    /// Embedded mode: SQLite, locks in memory and the event log in SQLite, in the server's folder.
    Embedded,
    /// Redis, MongoDB and Kafka.
    #[cfg(feature = "cluster")]
    Cluster(Box<Cluster>),
}

/// A private Redis; and either a private database and topics on the MongoDB and Kafka that all tests share, or private
/// servers of both, which the test may kill and freeze.
#[cfg(feature = "cluster")]
pub(crate) struct Cluster {
    pub(crate) redis: Mutex<RedisServer>,
    redis_url: String,
    pub(crate) mongodb: String,
    kafka: String,
    own_mongodb: Option<Mutex<MongoServer>>,
    own_kafka: Option<Mutex<KafkaServer>>,
}

#[cfg(feature = "cluster")]
impl Cluster {
    pub(crate) async fn start() -> Self {
        let name = format!("it{}", uuid::Uuid::new_v4().simple());
        let (redis, mongodb, brokers) =
            tokio::join!(RedisServer::start(), shared_mongo_url(&name), KafkaServer::shared());
        Self {
            redis_url: redis.url(),
            redis: Mutex::new(redis),
            mongodb,
            kafka: format!("kafka://{brokers}?prefix={name}_"),
            own_mongodb: None,
            own_kafka: None,
        }
    }

    pub(crate) async fn with_own_mongodb(self) -> Self {
        let server = MongoServer::start().await;
        Self { mongodb: server.url("cinema"), own_mongodb: Some(Mutex::new(server)), ..self }
    }

    pub(crate) async fn with_own_kafka(self) -> Self {
        let server = KafkaServer::start().await;
        Self { kafka: format!("kafka://{}", server.brokers()), own_kafka: Some(Mutex::new(server)), ..self }
    }

    /// Configures an address for Kafka at which nothing listens.
    pub(crate) fn without_kafka(self) -> Self {
        Self { kafka: format!("kafka://127.0.0.1:{}", free_port()), ..self }
    }

    pub(crate) fn own_mongodb(&self) -> &Mutex<MongoServer> {
        self.own_mongodb.as_ref().expect("a MongoDB of its own")
    }

    pub(crate) fn own_kafka(&self) -> &Mutex<KafkaServer> {
        self.own_kafka.as_ref().expect("a Kafka of its own")
    }
}

impl Parts {
    /// The services for the mode in which the suite runs.
    pub(crate) async fn of_this_run() -> Self {
        match std::env::var(MODE_VARIABLE).as_deref() {
            Err(_) | Ok("embedded") => Self::Embedded,
            #[cfg(feature = "cluster")]
            Ok("cluster") => Self::of(Cluster::start().await),
            other => panic!("{MODE_VARIABLE} is {other:?}; 'cluster' needs the feature of that name"),
        }
    }

    #[cfg(feature = "cluster")]
    pub(crate) fn of(cluster: Cluster) -> Self {
        Self::Cluster(Box::new(cluster))
    }

    #[cfg(feature = "cluster")]
    pub(crate) fn cluster(&self) -> &Cluster {
        match self {
            Self::Cluster(cluster) => cluster,
            Self::Embedded => panic!("a test of the cluster"),
        }
    }

    /// The flags of a server that uses these services.
    pub(crate) fn flags(&self) -> Vec<String> {
        match self {
            Self::Embedded => Vec::new(),
            #[cfg(feature = "cluster")]
            Self::Cluster(cluster) => vec![
                format!("--store-url={}", cluster.mongodb),
                format!("--locks-url={}", cluster.redis_url),
                format!("--events-url={}", cluster.kafka),
            ],
        }
    }
}
