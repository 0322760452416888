//! Limits the connections of the server and of each client address. An idle connection costs memory and a file
//! descriptor, so a client that opens many idle connections must not keep others out.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use ipnet::IpNet;
use seatkeeper_api::counting_key;

/// Limit of the connections of the server. Each costs some kilobytes and a file descriptor.
pub(super) const CONNECTIONS_MAX: usize = 20_000;
/// Limit of the connections of one client address (of a /64 network in IPv6). Many customers of one mobile network
/// share an address, and each of them has two or three connections.
pub(super) const CONNECTIONS_PER_ADDRESS_MAX: u32 = 2_000;

/// Counts connections and admits them up to the limits.
pub(super) struct ConnectionPermits {
    connections_max: usize,
    /// Limit per client address; `None` when there is no such limit.
    per_address_max: Option<u32>,
    /// Reverse proxies. All visitors have the address of the proxy, so connections from it do not count towards the
    /// limit per address.
    trusted_proxies: Vec<IpNet>,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    connections: usize,
    by_address: HashMap<u128, u32>,
}

/// An admitted connection. It is no longer counted after the drop of this value.
pub(super) struct ConnectionPermit {
    permits: Arc<ConnectionPermits>,
    counted_as: Option<u128>,
}

impl ConnectionPermits {
    /// `limits_addresses` comes from the setting `rate_limit`, which load tests turn off because they use a single
    /// client address.
    #[must_use]
    pub(super) fn new(limits_addresses: bool, trusted_proxies: Vec<IpNet>) -> Arc<Self> {
        let per_address_max = limits_addresses.then_some(CONNECTIONS_PER_ADDRESS_MAX);
        Arc::new(Self { connections_max: CONNECTIONS_MAX, per_address_max, trusted_proxies, taken: Mutex::default() })
    }

    /// Admits a connection, or returns `None` when the server or the client address has reached its limit.
    pub(super) fn take(self: &Arc<Self>, peer: IpAddr) -> Option<ConnectionPermit> {
        let peer = peer.to_canonical();
        let is_proxy = self.trusted_proxies.iter().any(|network| network.contains(&peer));
        let counted = self.per_address_max.filter(|_| !is_proxy).map(|max| (counting_key(peer), max));
        let mut taken = self.lock();
        if taken.connections >= self.connections_max {
            return None;
        }
        if let Some((key, max)) = counted {
            let of_address = taken.by_address.entry(key).or_insert(0);
            if *of_address >= max {
                return None;
            }
            *of_address += 1;
        }
        taken.connections += 1;
        Some(ConnectionPermit { permits: Arc::clone(self), counted_as: counted.map(|(key, _)| key) })
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        let mut taken = self.permits.lock();
        taken.connections -= 1;
        let Some(key) = self.counted_as else { return };
        if let Some(of_address) = taken.by_address.get_mut(&key) {
            *of_address -= 1;
            if *of_address == 0 {
                taken.by_address.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permits(connections_max: usize, per_address_max: Option<u32>, trusted: &[&str]) -> Arc<ConnectionPermits> {
        let trusted_proxies = trusted.iter().map(|net| net.parse().unwrap()).collect();
        Arc::new(ConnectionPermits { connections_max, per_address_max, trusted_proxies, taken: Mutex::default() })
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
        assert!(permits.lock().by_address.is_empty() && permits.lock().connections == 0, "no counter is left behind");
    }

    #[test]
    fn connections_of_trusted_proxies_and_load_tests_are_not_counted_by_address() {
        assert_eq!(take(&permits(9, Some(1), &["10.0.0.0/8"]), "10.1.2.3", 5).len(), 5);
        assert_eq!(take(&permits(9, Some(1), &["10.0.0.0/8"]), "11.1.2.3", 5).len(), 1);
        assert_eq!(take(&permits(9, None, &[]), "11.1.2.3", 5).len(), 5);
    }
}
