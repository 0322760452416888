//! Limits the connections of the server and of each client. An idle connection costs memory and a file descriptor, so a
//! client that opens many idle connections must not keep others out.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use ipnet::IpNet;
use seatkeeper_api::{ClientKeys, ClientShares, ShareLimits};

/// Limit of the connections of the server. Each costs some kilobytes and a file descriptor.
pub(super) const CONNECTIONS_MAX: usize = 20_000;
/// Limit of the connections of one client address (of a /64 network in IPv6). Many customers of one mobile network
/// share an address, and each of them has two or three connections.
const CONNECTIONS_PER_ADDRESS_MAX: usize = 2_000;
/// Limit of the connections of one IPv6 /48: two fifths of the server's.
const CONNECTIONS_PER_NETWORK_MAX: usize = 8_000;

const CLIENT_LIMITS: ShareLimits =
    ShareLimits { per_address_max: CONNECTIONS_PER_ADDRESS_MAX, per_network_max: CONNECTIONS_PER_NETWORK_MAX };

/// Counts connections and admits them up to the limits.
pub(super) struct ConnectionPermits {
    connections_max: usize,
    /// Limits of each client; `None` when there are none.
    client_limits: Option<ShareLimits>,
    /// Reverse proxies. All visitors have the address of the proxy, so connections from it do not count towards the
    /// limit per address.
    trusted_proxies: Vec<IpNet>,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    connections: usize,
    by_client: ClientShares,
}

/// An admitted connection. It is no longer counted after the drop of this value.
pub(super) struct ConnectionPermit {
    permits: Arc<ConnectionPermits>,
    counted_as: Option<ClientKeys>,
}

impl ConnectionPermits {
    /// `limits_addresses` comes from the setting `rate_limit`, which load tests turn off because they use a single
    /// client address.
    #[must_use]
    pub(super) fn new(limits_addresses: bool, trusted_proxies: Vec<IpNet>) -> Arc<Self> {
        let client_limits = limits_addresses.then_some(CLIENT_LIMITS);
        Arc::new(Self { connections_max: CONNECTIONS_MAX, client_limits, trusted_proxies, taken: Mutex::default() })
    }

    /// Admits a connection, or returns `None` when the server or the client has reached its limit.
    pub(super) fn take(self: &Arc<Self>, peer: IpAddr) -> Option<ConnectionPermit> {
        let peer = peer.to_canonical();
        let is_proxy = self.trusted_proxies.iter().any(|network| network.contains(&peer));
        let counted = self.client_limits.filter(|_| !is_proxy).map(|limits| (ClientKeys::of(peer), limits));
        let mut taken = self.lock();
        if taken.connections >= self.connections_max {
            return None;
        }
        if counted.is_some_and(|(client, limits)| !taken.by_client.take(client, 1, limits)) {
            return None;
        }
        taken.connections += 1;
        Some(ConnectionPermit { permits: Arc::clone(self), counted_as: counted.map(|(client, _)| client) })
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        let mut taken = self.permits.lock();
        taken.connections -= 1;
        if let Some(client) = self.counted_as {
            taken.by_client.give_back(client, 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `per_address_max` also gives the limit of a /48, which is twice as large.
    fn permits(connections_max: usize, per_address_max: Option<usize>, trusted: &[&str]) -> Arc<ConnectionPermits> {
        let trusted_proxies = trusted.iter().map(|net| net.parse().unwrap()).collect();
        let client_limits = per_address_max.map(|max| ShareLimits { per_address_max: max, per_network_max: 2 * max });
        Arc::new(ConnectionPermits { connections_max, client_limits, trusted_proxies, taken: Mutex::default() })
    }

    fn take(permits: &Arc<ConnectionPermits>, peer: &str, times: usize) -> Vec<ConnectionPermit> {
        (0..times).filter_map(|_| permits.take(peer.parse().unwrap())).collect()
    }

    #[test]
    fn connection_is_refused_when_its_address_has_reached_the_limit() {
        let permits = permits(5, Some(3), &[]);
        let greedy = take(&permits, "203.0.113.9", 9);
        assert_eq!(greedy.len(), 3);
        assert!(take(&permits, "::ffff:203.0.113.9", 1).is_empty(), "the IPv4-mapped form is the same address");
        let others = take(&permits, "203.0.113.10", 9);
        assert_eq!(others.len(), 2, "the server's limit is five");
        drop((greedy, others));
        assert_eq!(take(&permits, "203.0.113.9", 9).len(), 3, "dropped connections are uncounted");
        assert!(permits.lock().by_client.is_empty() && permits.lock().connections == 0, "no counter is left behind");
    }

    #[test]
    fn connection_is_refused_when_its_ipv6_48_has_reached_the_limit() {
        let permits = permits(99, Some(3), &[]);
        let rotating: Vec<_> =
            (0..9).filter_map(|n| permits.take(format!("2001:db8:7:{n:x}::1").parse().unwrap())).collect();
        assert_eq!(rotating.len(), 6, "another /64 for each connection");
        assert_eq!(take(&permits, "2001:db8:8::1", 9).len(), 3);
    }

    #[test]
    fn connections_of_trusted_proxies_and_load_tests_are_not_counted_by_address() {
        assert_eq!(take(&permits(9, Some(1), &["10.0.0.0/8"]), "10.1.2.3", 5).len(), 5);
        assert_eq!(take(&permits(9, Some(1), &["10.0.0.0/8"]), "11.1.2.3", 5).len(), 1);
        assert_eq!(take(&permits(9, None, &[]), "11.1.2.3", 5).len(), 5);
    }
}
