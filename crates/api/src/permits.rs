//! Limits the number of concurrent requests, for the server and for each client network. Each request may occupy 64 KiB
//! for its body and wait for the store, so many slow requests of one network must not starve others.

use std::collections::HashMap;

use parking_lot::Mutex;

/// Maximum number of concurrent requests of the server; further ones are refused with `try_again`.
pub(crate) const REQUESTS_AT_ONCE_MAX: usize = 4_096;
/// Maximum number of concurrent requests of one network (an IPv4 address, an IPv6 /48): a sixteenth of the server's
/// limit. Many customers of one mobile network share an address, but an answer takes milliseconds, so this allows
/// thousands of requests per second.
pub(crate) const REQUESTS_AT_ONCE_PER_NETWORK_MAX: u32 = 256;

/// The pool of request permits.
#[derive(Default)]
pub(crate) struct Permits(Mutex<Given>);

#[derive(Default)]
struct Given {
    requests: usize,
    by_network: HashMap<u128, u32>,
}

/// Permit for one request, returned on drop.
pub(crate) struct Permit<'a> {
    permits: &'a Permits,
    network: Option<u128>,
}

impl Permits {
    /// Takes a permit; `None` when the limit of the server or of the network is reached. Without `network` only the
    /// server's limit applies.
    pub(crate) fn take(&self, network: Option<u128>) -> Option<Permit<'_>> {
        let mut given = self.0.lock();
        if given.requests >= REQUESTS_AT_ONCE_MAX {
            return None;
        }
        if let Some(network) = network {
            let of_network = given.by_network.entry(network).or_insert(0);
            if *of_network >= REQUESTS_AT_ONCE_PER_NETWORK_MAX {
                return None;
            }
            *of_network += 1;
        }
        given.requests += 1;
        Some(Permit { permits: self, network })
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let mut given = self.permits.0.lock();
        given.requests -= 1;
        let Some(network) = self.network else { return };
        if let Some(of_network) = given.by_network.get_mut(&network) {
            *of_network -= 1;
            if *of_network == 0 {
                given.by_network.remove(&network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(permits: &Permits, network: Option<u128>, times: usize) -> Vec<Permit<'_>> {
        (0..times).filter_map(|_| permits.take(network)).collect()
    }

    #[test]
    fn one_network_cannot_take_all_request_permits() {
        let permits = Permits::default();
        let greedy = take(&permits, Some(1), 9_999);
        assert_eq!(greedy.len(), REQUESTS_AT_ONCE_PER_NETWORK_MAX as usize);
        let other = permits.take(Some(2));
        assert!(other.is_some(), "other networks are not affected");
        drop((greedy, other));
        assert!(permits.0.lock().by_network.is_empty() && permits.0.lock().requests == 0, "no network is left");
        assert!(permits.take(Some(1)).is_some(), "permits are given back");
    }

    #[test]
    fn number_of_concurrent_requests_is_limited() {
        let permits = Permits::default();
        let all = take(&permits, None, REQUESTS_AT_ONCE_MAX);
        assert_eq!(all.len(), REQUESTS_AT_ONCE_MAX, "without a network only the server's limit counts");
        assert!(permits.take(Some(1)).is_none() && permits.take(None).is_none());
        drop(all);
        assert!(permits.0.lock().by_network.is_empty(), "refused requests leave no entry either");
    }
}
