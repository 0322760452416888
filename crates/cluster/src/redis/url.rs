//! The URL of a Redis or a Redis Cluster.

use std::time::Duration;

use redis::{ConnectionInfo, IntoConnectionInfo as _, ProtocolVersion, io::tcp::TcpSettings};

/// `TCP_USER_TIMEOUT`: a connection whose data are not acknowledged for this long is closed, because the peer must be
/// gone.
#[cfg(target_os = "linux")]
const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(5);

/// A single Redis, or the seed nodes of a cluster. Its `Debug` shows no password.
#[derive(Clone, Debug)]
pub enum RedisUrl {
    /// A single Redis.
    One(Box<ConnectionInfo>),
    /// A Redis Cluster, named by some of its nodes.
    Cluster(Vec<ConnectionInfo>),
}

/// The text is not a URL of Redis. The message does not repeat the text, which may contain a password.
#[derive(Debug, thiserror::Error)]
#[error(
    "not an address such as redis://user:password@host:6379, rediss://host or redis+cluster://host:7001,host:7002: {0}"
)]
pub struct BadRedisUrl(String);

impl RedisUrl {
    /// Parses `redis://[user:password@]host[:port][/db]`, `rediss://…` (TLS), or a list of hosts after `redis+cluster://` or
    /// `rediss+cluster://`, where the user and password of the first host apply to all.
    ///
    /// # Errors
    /// When the text has none of these forms.
    pub fn parse(text: &str) -> Result<Self, BadRedisUrl> {
        let cluster = [("redis+cluster://", "redis"), ("rediss+cluster://", "rediss")];
        for (prefix, scheme) in cluster {
            if let Some(list) = text.strip_prefix(prefix) {
                let nodes: Vec<String> = list.split(',').map(|node| format!("{scheme}://{}", node.trim())).collect();
                return Self::cluster(&nodes);
            }
        }
        address(text).map(|info| Self::One(Box::new(info)))
    }

    /// Creates a cluster's URL from the URLs of some nodes. A node without user and password gets those of the first
    /// node.
    fn cluster(nodes: &[impl AsRef<str>]) -> Result<Self, BadRedisUrl> {
        let mut nodes = nodes.iter().map(|node| address(node.as_ref())).collect::<Result<Vec<_>, _>>()?;
        let first = nodes.first().ok_or_else(|| BadRedisUrl("no node is named".to_owned()))?;
        let settings = first.redis_settings().clone();
        for node in &mut nodes {
            if node.redis_settings().password().is_none() {
                *node = node.clone().set_redis_settings(settings.clone());
            }
        }
        Ok(Self::Cluster(nodes))
    }
}

fn address(url: &str) -> Result<ConnectionInfo, BadRedisUrl> {
    let is_named =
        ["redis://", "rediss://"].iter().any(|scheme| url.strip_prefix(scheme).is_some_and(|r| !r.is_empty()));
    if !is_named {
        return Err(BadRedisUrl("no host is named".to_owned()));
    }
    let info = url.into_connection_info().map_err(|error| BadRedisUrl(error.to_string()))?;
    // RESP3 is required because live changes arrive as push messages, which RESP2 does not have.
    let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    Ok(info.set_redis_settings(settings).set_tcp_settings(tcp_settings()))
}

pub(super) fn tcp_settings() -> TcpSettings {
    let settings = TcpSettings::default().set_nodelay(true);
    #[cfg(target_os = "linux")]
    let settings = settings.set_user_timeout(UNACKNOWLEDGED_MAX);
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(text: &str) -> Vec<String> {
        let nodes = match RedisUrl::parse(text).expect("a URL") {
            RedisUrl::One(node) => vec![*node],
            RedisUrl::Cluster(nodes) => nodes,
        };
        let credentials = |node: &ConnectionInfo| {
            let settings = node.redis_settings();
            format!("{:?} {:?} {}", settings.username(), settings.password(), node.addr())
        };
        nodes.iter().map(credentials).collect()
    }

    #[test]
    fn url_scheme_distinguishes_a_single_redis_from_a_cluster() {
        assert_eq!(addresses("redis://10.0.0.1"), ["None None 10.0.0.1:6379"]);
        assert_eq!(addresses("rediss://:pw@host:7000"), [r#"None Some("pw") host:7000"#]);
        assert_eq!(addresses("redis+cluster://a:7001, b:7002"), ["None None a:7001", "None None b:7002"]);
    }

    #[test]
    fn password_of_the_first_node_applies_to_all_nodes() {
        let pair = [r#"Some("u") Some("p") a:7001"#, r#"Some("u") Some("p") b:7002"#];
        assert_eq!(addresses("redis+cluster://u:p@a:7001,b:7002"), pair);
    }

    #[test]
    fn malformed_url_is_refused_and_its_password_is_not_shown() {
        for bad in
            ["", "redis://", "memory:", "redis+cluster://", "redis+cluster://a,,b", "http://a", "redis://:s3cret@"]
        {
            let refusal = RedisUrl::parse(bad).expect_err(bad).to_string();
            assert!(!refusal.contains("s3cret"), "{refusal}");
        }
        assert!(!format!("{:?}", RedisUrl::parse("redis://:s3cret@a").unwrap()).contains("s3cret"));
    }
}
