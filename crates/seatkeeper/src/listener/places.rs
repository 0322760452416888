//! How many connections the server and an address may have. Each costs memory and an open file whether or not anything is
//! asked on it, so whoever opens many and says nothing must not keep others out.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use ipnet::IpNet;
use seatkeeper_api::counting_key;

/// Connections of one server; each costs some kilobytes and a file descriptor.
pub(super) const CONNECTIONS_MAX: usize = 20_000;
/// Connections of one address (of one /64 in IPv6): many customers of one mobile network share an address,
/// and each has two or three connections.
pub(super) const CONNECTIONS_PER_ADDRESS_MAX: u32 = 2_000;

/// Gives out places for connections.
pub(super) struct Places {
    connections_max: usize,
    /// `None`: addresses are not counted.
    per_address_max: Option<u32>,
    /// Everybody comes through these, so they are not counted.
    trusted_proxies: Vec<IpNet>,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    connections: usize,
    by_address: HashMap<u128, u32>,
}

/// One connection's place, given back when dropped.
pub(super) struct Place {
    places: Arc<Places>,
    counted_as: Option<u128>,
}

impl Places {
    /// For a server; load tests come from one address, so that limits by address are for `rate_limit` on.
    #[must_use]
    pub(super) fn new(limits_addresses: bool, trusted_proxies: Vec<IpNet>) -> Arc<Self> {
        let per_address_max = limits_addresses.then_some(CONNECTIONS_PER_ADDRESS_MAX);
        Arc::new(Self { connections_max: CONNECTIONS_MAX, per_address_max, trusted_proxies, taken: Mutex::default() })
    }

    /// A place, or none when the server or the address has as many as it may.
    pub(super) fn take(self: &Arc<Self>, peer: IpAddr) -> Option<Place> {
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
        Some(Place { places: Arc::clone(self), counted_as: counted.map(|(key, _)| key) })
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
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

    fn places(connections_max: usize, per_address_max: Option<u32>, trusted: &[&str]) -> Arc<Places> {
        let trusted_proxies = trusted.iter().map(|net| net.parse().unwrap()).collect();
        Arc::new(Places { connections_max, per_address_max, trusted_proxies, taken: Mutex::default() })
    }

    fn take(places: &Arc<Places>, peer: &str, times: usize) -> Vec<Place> {
        (0..times).filter_map(|_| places.take(peer.parse().unwrap())).collect()
    }

    #[test]
    fn one_address_cannot_take_every_place() {
        let places = places(5, Some(3), &[]);
        let greedy = take(&places, "203.0.113.9", 9);
        assert_eq!(greedy.len(), 3);
        assert!(take(&places, "::ffff:203.0.113.9", 1).is_empty(), "the same address in another dress");
        let others = take(&places, "203.0.113.10", 9);
        assert_eq!(others.len(), 2, "five for the server");
        drop((greedy, others));
        assert_eq!(take(&places, "203.0.113.9", 9).len(), 3, "places are given back");
        assert!(places.lock().by_address.is_empty() && places.lock().connections == 0, "nobody is remembered");
    }

    #[test]
    fn proxies_and_load_tests_are_not_counted_by_address() {
        assert_eq!(take(&places(9, Some(1), &["10.0.0.0/8"]), "10.1.2.3", 5).len(), 5);
        assert_eq!(take(&places(9, Some(1), &["10.0.0.0/8"]), "11.1.2.3", 5).len(), 1);
        assert_eq!(take(&places(9, None, &[]), "11.1.2.3", 5).len(), 5);
    }
}
