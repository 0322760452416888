//! What the program runs on: nothing but its own folder, or real servers. `SEATKEEPER_TEST_MODE=cluster` has the whole suite
//! run on the latter; the tests are the same.

#[cfg(feature = "cluster")]
use seatkeeper_testbed::{KafkaServer, RedisServer, shared_mongo_url};

/// Names the mode: `embedded`, or `cluster`.
const MODE_VARIABLE: &str = "SEATKEEPER_TEST_MODE";

/// The parts of one cinema, whichever and how many servers share it.
pub(crate) enum Parts {
    /// SQLite, memory, a table: in the server's folder.
    Embedded,
    /// A Redis of its own, a database and topics of its own on servers that all tests share.
    #[cfg(feature = "cluster")]
    Cluster(Cluster),
}

#[cfg(feature = "cluster")]
pub(crate) struct Cluster {
    pub(crate) redis: RedisServer,
    pub(crate) mongodb: String,
    kafka: String,
}

impl Parts {
    /// Those that this run of the suite is about.
    pub(crate) async fn of_this_run() -> Self {
        match std::env::var(MODE_VARIABLE).as_deref() {
            Err(_) | Ok("embedded") => Self::Embedded,
            #[cfg(feature = "cluster")]
            Ok("cluster") => Self::cluster().await,
            other => panic!("{MODE_VARIABLE} is {other:?}; 'cluster' needs the feature of that name"),
        }
    }

    /// Redis, MongoDB and Kafka.
    #[cfg(feature = "cluster")]
    pub(crate) async fn cluster() -> Self {
        let name = format!("it{}", uuid::Uuid::new_v4().simple());
        let (redis, mongodb, brokers) =
            tokio::join!(RedisServer::start(), shared_mongo_url(&name), KafkaServer::shared());
        Self::Cluster(Cluster { redis, mongodb, kafka: format!("kafka://{brokers}?prefix={name}_") })
    }

    pub(crate) const fn is_embedded(&self) -> bool {
        matches!(self, Self::Embedded)
    }

    /// How a server is told.
    pub(crate) fn flags(&self) -> Vec<String> {
        match self {
            Self::Embedded => Vec::new(),
            #[cfg(feature = "cluster")]
            Self::Cluster(Cluster { redis, mongodb, kafka }) => vec![
                format!("--store-url={mongodb}"),
                format!("--locks-url={}", redis.url()),
                format!("--events-url={kafka}"),
            ],
        }
    }
}
