//! Whose request it is, by network address.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::{extract::ConnectInfo, http::request::Parts};
use ipnet::IpNet;

/// Entries of `X-Forwarded-For` that are read, from the nearest proxy on: more proxies than that nobody has.
const FORWARDED_ENTRIES_MAX: usize = 32;

/// The peer's address, or what the trusted proxies in front say.
#[must_use]
pub(crate) fn of_request(request: &Parts, trusted: &[IpNet]) -> IpAddr {
    let peer = request.extensions.get::<ConnectInfo<SocketAddr>>();
    let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |info| info.0.ip()).to_canonical();
    if trusted.is_empty() {
        return peer;
    }
    let lines = request.headers.get_all("x-forwarded-for").iter().filter_map(|line| line.to_str().ok());
    let lines: Vec<&str> = lines.collect();
    behind_proxies(peer, lines.iter().rev().flat_map(|line| line.rsplit(',')), trusted)
}

/// Walks from the peer outwards and stops at the first address that is no trusted proxy: whatever stands before it
/// anybody can have written.
fn behind_proxies<'a>(peer: IpAddr, nearest_first: impl Iterator<Item = &'a str>, trusted: &[IpNet]) -> IpAddr {
    let mut client = peer;
    for entry in nearest_first.take(FORWARDED_ENTRIES_MAX) {
        if !trusted.iter().any(|network| network.contains(&client)) {
            break;
        }
        let Ok(address) = entry.trim().parse::<IpAddr>() else { break };
        client = address.to_canonical();
    }
    client
}

/// The key by which an address is counted: of IPv6 the /64, which is one household's.
#[must_use]
pub fn counting_key(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits() >> 64 << 64,
    }
}

/// The key of all that one customer may have: of IPv6 the /48, out of which there are 65,536 of [`counting_key`].
#[must_use]
pub(crate) fn network_key(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(_) => counting_key(address),
        IpAddr::V6(v6) => v6.to_bits() >> 80 << 80,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, forwarded: &str, trusted: &[&str]) -> String {
        let trusted: Vec<IpNet> = trusted.iter().map(|net| net.parse().unwrap()).collect();
        behind_proxies(peer.parse().unwrap(), forwarded.rsplit(','), &trusted).to_string()
    }

    #[test]
    fn only_what_trusted_proxies_say_counts() {
        assert_eq!(client("203.0.113.9", "1.1.1.1", &["10.0.0.0/8"]), "203.0.113.9", "a stranger's word");
        assert_eq!(client("10.0.0.1", "1.1.1.1", &["10.0.0.0/8"]), "1.1.1.1");
        assert_eq!(client("10.0.0.1", "6.6.6.6, 1.1.1.1, 10.0.0.2", &["10.0.0.0/8"]), "1.1.1.1", "the forged part");
        assert_eq!(client("10.0.0.1", "nonsense", &["10.0.0.0/8"]), "10.0.0.1");
        assert_eq!(client("10.0.0.1", "", &["10.0.0.0/8"]), "10.0.0.1");
    }

    #[test]
    fn a_household_is_counted_once() {
        let key = |text: &str| counting_key(text.parse().unwrap());
        assert_eq!(key("2001:db8::1"), key("2001:db8::ffff"));
        assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
        assert_ne!(key("10.0.0.1"), key("10.0.0.2"));
    }

    #[test]
    fn a_customer_with_many_networks_is_one() {
        let key = |text: &str| network_key(text.parse().unwrap());
        assert_eq!(key("2001:db8:7::1"), key("2001:db8:7:ffff::1"));
        assert_ne!(key("2001:db8:7::1"), key("2001:db8:8::1"));
        assert_ne!(key("10.0.0.1"), key("10.0.0.2"));
    }
}
