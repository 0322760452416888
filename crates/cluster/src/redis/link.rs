//! The way to Redis: connections shared by all calls, which mend themselves.

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
    calls::CALL_WITHIN,
    live::Feeds,
    url::{RedisUrl, tcp_settings},
};

/// How long one attempt to connect may take. Shorter than a call, so that a call learns why.
const CONNECT_WITHIN: Duration = Duration::from_millis(500);

/// How often a call is sent again by the cluster's client while nodes change places.
const CLUSTER_RETRIES_MAX: u32 = 4;
/// Between those, in milliseconds.
const CLUSTER_PAUSE_MS: (u64, u64) = (10, 100);

/// One Redis or a cluster.
pub(super) enum Link {
    One(Box<One>),
    Cluster(ClusterConnection),
}

/// One Redis. The manager connects again by itself.
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

    /// Leaves a Redis that is no longer the one to write to: its name may lead elsewhere now.
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
    /// Nothing is connected yet; the first call does that.
    pub(super) fn new(url: RedisUrl, feeds: &Arc<Feeds>) -> RedisResult<Self> {
        match url {
            RedisUrl::One(info) => {
                let client = Client::open(*info)?;
                // A connection that fails is an answer for those who wait; the next call tries the next one.
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

    /// One call, which goes where its keys are.
    pub(super) async fn ask(&self, call: &Cmd) -> RedisResult<Value> {
        match self {
            Self::One(one) => one.ask(call).await,
            Self::Cluster(cluster) => cluster.clone().req_packed_command(call).await.and_then(Value::extract_error),
        }
    }

    /// Many calls in one round trip, answered in the same order. In a cluster those of each node go together, because
    /// connections gather what is sent at once.
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

    /// The same call to every Redis that is written to.
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

    /// Subscribes to a channel, on this server's one subscription to it, and waits for the confirmation.
    pub(super) async fn subscribe(&self, channel: &str) -> RedisResult<()> {
        match self {
            Self::One(one) => one.ask(redis::cmd("SSUBSCRIBE").arg(channel)).await.map(drop),
            Self::Cluster(cluster) => cluster.clone().ssubscribe(channel).await,
        }
    }

    /// Ends the subscription to a channel.
    pub(super) async fn unsubscribe(&self, channel: &str) -> RedisResult<()> {
        match self {
            Self::One(one) => one.ask(redis::cmd("SUNSUBSCRIBE").arg(channel)).await.map(drop),
            Self::Cluster(cluster) => cluster.clone().sunsubscribe(channel).await,
        }
    }
}
