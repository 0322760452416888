//! Where Redis is.

use std::time::Duration;

use redis::{ConnectionInfo, IntoConnectionInfo as _, ProtocolVersion, io::tcp::TcpSettings};

/// A connection whose bytes nobody acknowledges for so long is given up: the machine at its other end is gone.
#[cfg(target_os = "linux")]
const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(5);

/// One Redis, or the nodes of a cluster that are asked first. Its `Debug` shows no password.
#[derive(Clone, Debug)]
pub enum RedisUrl {
    /// One Redis.
    One(Box<ConnectionInfo>),
    /// A Redis Cluster.
    Cluster(Vec<ConnectionInfo>),
}

/// What is not an address of Redis. Says nothing of what was written, which may hold a password.
#[derive(Debug, thiserror::Error)]
#[error(
    "not an address such as redis://user:password@host:6379, rediss://host or redis+cluster://host:7001,host:7002: {0}"
)]
pub struct BadRedisUrl(String);

impl RedisUrl {
    /// Reads `redis://[user:password@]host[:port][/db]`, `rediss://…` (TLS), or a list of hosts after `redis+cluster://` or
    /// `rediss+cluster://`, where user and password stand before the first and go for all.
    ///
    /// # Errors
    /// When it is none of these.
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

    /// A cluster by the URLs of some of its nodes. One without user and password takes those of the first.
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
    // Live changes come as pushes, which the older protocol has not.
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
    fn one_redis_and_a_cluster_are_told_apart_by_their_scheme() {
        assert_eq!(addresses("redis://10.0.0.1"), ["None None 10.0.0.1:6379"]);
        assert_eq!(addresses("rediss://:pw@host:7000"), [r#"None Some("pw") host:7000"#]);
        assert_eq!(addresses("redis+cluster://a:7001, b:7002"), ["None None a:7001", "None None b:7002"]);
    }

    #[test]
    fn the_first_nodes_password_goes_for_all() {
        let pair = [r#"Some("u") Some("p") a:7001"#, r#"Some("u") Some("p") b:7002"#];
        assert_eq!(addresses("redis+cluster://u:p@a:7001,b:7002"), pair);
    }

    #[test]
    fn what_is_no_address_is_refused_without_showing_it() {
        for bad in
            ["", "redis://", "memory:", "redis+cluster://", "redis+cluster://a,,b", "http://a", "redis://:s3cret@"]
        {
            let refusal = RedisUrl::parse(bad).expect_err(bad).to_string();
            assert!(!refusal.contains("s3cret"), "{refusal}");
        }
        assert!(!format!("{:?}", RedisUrl::parse("redis://:s3cret@a").unwrap()).contains("s3cret"));
    }
}
