//! Counts what clients hold of a shared resource, such as connections or bytes. An IPv6 address is counted twice: its
//! /64, and with a larger allowance its /48, because a client may own a whole /48 and rotate the /64 in it.

use std::collections::HashMap;

use crate::client_address::ClientKeys;

/// How much a client may hold.
#[derive(Clone, Copy, Debug)]
pub struct ShareLimits {
    /// Maximum of one address (for IPv6, of one /64).
    pub per_address_max: usize,
    /// Maximum of one IPv6 /48. It is larger, because some providers give the customers of a town one /48.
    pub per_network_max: usize,
}

/// The amounts that clients hold.
#[derive(Debug, Default)]
pub struct ClientShares(HashMap<u128, usize>);

impl ClientShares {
    /// Adds `amount` to what the client holds. Returns false, and adds nothing, when that would exceed a limit.
    #[must_use]
    pub fn take(&mut self, client: ClientKeys, amount: usize, limits: ShareLimits) -> bool {
        let fits = |key: u128, max: usize| {
            self.0.get(&key).copied().unwrap_or_default().checked_add(amount).is_some_and(|held| held <= max)
        };
        if !fits(client.address(), limits.per_address_max)
            || client.network().is_some_and(|network| !fits(network, limits.per_network_max))
        {
            return false;
        }
        for key in keys(client) {
            *self.0.entry(key).or_default() += amount;
        }
        true
    }

    /// Subtracts `amount`, which the client has taken before.
    pub fn give_back(&mut self, client: ClientKeys, amount: usize) {
        for key in keys(client) {
            let Some(held) = self.0.get_mut(&key) else { continue };
            *held = held.saturating_sub(amount);
            if *held == 0 {
                self.0.remove(&key);
            }
        }
    }

    /// Whether no client holds anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn keys(client: ClientKeys) -> impl Iterator<Item = u128> {
    std::iter::once(client.address()).chain(client.network())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(text: &str) -> ClientKeys {
        ClientKeys::of(text.parse().unwrap())
    }

    /// How often the clients can take one.
    fn taken(shares: &mut ClientShares, clients: impl Iterator<Item = String>, limits: ShareLimits) -> usize {
        clients.filter(|address| shares.take(client(address), 1, limits)).count()
    }

    #[test]
    fn client_that_rotates_the_64_of_a_48_gets_the_allowance_of_the_48() {
        let mut shares = ClientShares::default();
        let limits = ShareLimits { per_address_max: 10, per_network_max: 25 };
        let one = (0..99).map(|_| "2001:db8:7::1".to_owned());
        assert_eq!(taken(&mut shares, one, limits), 10);
        let rotating = (0..99).map(|n| format!("2001:db8:7:{n:x}::1"));
        assert_eq!(taken(&mut shares, rotating, limits), 15, "the rest of the allowance of the /48");
        assert!(shares.take(client("2001:db8:8::1"), 1, limits), "another /48");
        let ipv4 = (0..99).map(|_| "203.0.113.9".to_owned());
        assert_eq!(taken(&mut shares, ipv4, limits), 10);
    }

    #[test]
    fn returned_shares_can_be_taken_again_and_leave_no_entry() {
        let mut shares = ClientShares::default();
        let limits = ShareLimits { per_address_max: 10, per_network_max: 10 };
        assert!(!shares.take(client("2001:db8::1"), 11, limits) && shares.is_empty());
        assert!(shares.take(client("2001:db8::1"), 10, limits));
        assert!(!shares.take(client("2001:db8:0:1::1"), usize::MAX, limits), "no overflow");
        shares.give_back(client("2001:db8::1"), 10);
        assert!(shares.is_empty());
        assert!(shares.take(client("2001:db8:0:1::1"), 10, limits));
    }
}
