//! What the program runs on: nothing but its own folder, or real servers. `SEATKEEPER_TEST_MODE=cluster` has the whole suite
//! run on the latter; the tests are the same.

#[cfg(feature = "cluster")]
use seatkeeper_testbed::{KafkaServer, MongoServer, RedisServer, free_port, shared_mongo_url};
#[cfg(feature = "cluster")]
use tokio::sync::Mutex;

/// Names the mode: `embedded`, or `cluster`.
const MODE_VARIABLE: &str = "SEATKEEPER_TEST_MODE";

/// The parts of one cinema, whichever and how many servers share it.
pub(crate) enum Parts {
    /// SQLite, memory, a table: in the server's folder.
    Embedded,
    /// Redis, MongoDB and Kafka.
    #[cfg(feature = "cluster")]
    Cluster(Box<Cluster>),
}

/// A Redis of its own, and a database and topics of its own on servers that all tests share, or on its own, which may be
/// killed and frozen.
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

    /// Nobody is at the address of Kafka.
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
    /// Those that this run of the suite is about.
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

    /// How a server is told.
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
