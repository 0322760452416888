//! Connections to Redis, shared by all calls and reopened automatically.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use parking_lot::RwLock;
use redis::{
    Client, Cmd, ErrorKind, ProtocolVersion, RedisError, RedisResult, ServerErrorKind, Value,
    aio::{ConnectionLike as _, ConnectionManager, ConnectionManagerConfig},
    cluster::{ClusterClient, ClusterConfig},
    cluster_async::ClusterConnection,
    cluster_routing::{MultipleNodeRoutingInfo, RoutingInfo},
};

use super::{
    failure::CALL_WITHIN,
    live::Feeds,
    url::{RedisUrl, tcp_settings},
};

/// Time limit of one attempt to connect. It is shorter than [`CALL_WITHIN`], so that a call reports the connection
/// error and not a timeout.
const CONNECT_WITHIN: Duration = Duration::from_millis(500);

/// How often the client of a Redis Cluster retries one call during a failover or a resharding.
const CLUSTER_RETRIES_MAX: u32 = 4;
/// Shortest and longest backoff between the retries of a Redis Cluster's client, in milliseconds.
const CLUSTER_PAUSE_MS: (u64, u64) = (10, 100);

pub(super) enum Link {
    One(Box<One>),
    Cluster(ClusterConnection),
}

/// A single Redis, whose connection is reopened automatically.
pub(super) struct One {
    client: Client,
    config: ConnectionManagerConfig,
    manager: RwLock<ConnectionManager>,
    feeds: Arc<Feeds>,
}

impl One {
    fn manager(&self) -> ConnectionManager {
        self.manager.read().clone()
    }

    /// Drops the connection when the reply shows that this Redis has become a read-only replica. After a failover the
    /// host name may resolve to the new master.
    fn leave_if_read_only<T>(&self, answer: &RedisResult<T>) {
        let is_read_only = |error: &RedisError| error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly);
        if answer.as_ref().is_err_and(is_read_only)
            && let Ok(manager) = ConnectionManager::new_lazy_with_config(self.client.clone(), self.config.clone())
        {
            *self.manager.write() = manager;
            self.feeds.close_all();
        }
    }

    async fn ask(&self, call: &Cmd) -> RedisResult<Value> {
        let answer = self.manager().send_packed_command(call).await.and_then(Value::extract_error);
        self.leave_if_read_only(&answer);
        answer
    }
}

impl Link {
    /// Prepares the connection without opening it; the first call connects.
    pub(super) fn new(url: RedisUrl, feeds: &Arc<Feeds>) -> RedisResult<Self> {
        match url {
            RedisUrl::One(info) => {
                let client = Client::open(*info)?;
                // The connection manager must not retry: a failed attempt to connect fails the waiting calls, and the
                // next call connects again.
                let config = ConnectionManagerConfig::new()
                    .set_number_of_retries(0)
                    .set_connection_timeout(Some(CONNECT_WITHIN))
                    .set_response_timeout(None)
                    .set_push_sender(Arc::clone(feeds));
                let manager = RwLock::new(ConnectionManager::new_lazy_with_config(client.clone(), config.clone())?);
                Ok(Self::One(Box::new(One { client, config, manager, feeds: Arc::clone(feeds) })))
            }
            RedisUrl::Cluster(nodes) => {
                let client = ClusterClient::builder(nodes)
                    .use_protocol(ProtocolVersion::RESP3)
                    .tcp_settings(tcp_settings())
                    .connection_timeout(CONNECT_WITHIN)
                    .response_timeout(CALL_WITHIN)
                    .retries(CLUSTER_RETRIES_MAX)
                    .min_retry_wait(CLUSTER_PAUSE_MS.0)
                    .max_retry_wait(CLUSTER_PAUSE_MS.1)
                    .push_sender(Arc::clone(feeds))
                    .build()?;
                Ok(Self::Cluster(client.get_pending_async_connection_with_config(ClusterConfig::new())))
            }
        }
    }

    /// Makes one call; in a cluster, on the node that has its keys.
    pub(super) async fn ask(&self, call: &Cmd) -> RedisResult<Value> {
        match self {
            Self::One(one) => one.ask(call).await,
            Self::Cluster(cluster) => cluster.clone().req_packed_command(call).await.and_then(Value::extract_error),
        }
    }

    /// Makes many calls in one round trip. The replies are in the order of the calls. In a cluster the calls to one
    /// node share a write, because the client multiplexes concurrent calls over one connection.
    pub(super) async fn ask_each(&self, calls: &[Cmd]) -> Vec<RedisResult<Value>> {
        match self {
            Self::One(one) => {
                let count = calls.len();
                let mut pipeline = redis::Pipeline::with_capacity(count);
                for call in calls {
                    pipeline.add_command(call.clone());
                }
                let answers = one.manager().send_packed_commands(&pipeline, 0, count).await;
                one.leave_if_read_only(&answers);
                match answers {
                    Ok(answers) => answers.into_iter().map(Value::extract_error).collect(),
                    Err(error) => vec![Err(error); count],
                }
            }
            Self::Cluster(_) => join_all(calls.iter().map(|call| self.ask(call))).await,
        }
    }

    /// Makes one call on every master.
    pub(super) async fn ask_masters(&self, call: Cmd) -> RedisResult<Vec<Value>> {
        match self {
            Self::One(one) => Ok(vec![one.ask(&call).await?]),
            Self::Cluster(cluster) => {
                let route = RoutingInfo::MultiNode((MultipleNodeRoutingInfo::AllMasters, None));
                match cluster.clone().route_command(call, route).await?.extract_error()? {
                    Value::Map(nodes) => Ok(nodes.into_iter().map(|(_, answer)| answer).collect()),
                    Value::Array(answers) => Ok(answers),
                    answer => Ok(vec![answer]),
                }
            }
        }
    }

    /// Subscribes to a channel and waits for the confirmation. Subscribing to a channel again has no effect.
    pub(super) async fn subscribe(&self, channel: &str) -> RedisResult<()> {
        match self {
            Self::One(one) => one.ask(redis::cmd("SSUBSCRIBE").arg(channel)).await.map(drop),
            Self::Cluster(cluster) => cluster.clone().ssubscribe(channel).await,
        }
    }

    pub(super) async fn unsubscribe(&self, channel: &str) -> RedisResult<()> {
        match self {
            Self::One(one) => one.ask(redis::cmd("SUNSUBSCRIBE").arg(channel)).await.map(drop),
            Self::Cluster(cluster) => cluster.clone().sunsubscribe(channel).await,
        }
    }
}
