//! Determines a request's client address, and the keys under which addresses are counted for limits.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::{extract::ConnectInfo, http::request::Parts};
use ipnet::IpNet;

/// Maximum number of `X-Forwarded-For` entries that are read, starting at the nearest proxy: more than any real chain
/// of proxies has.
const FORWARDED_ENTRIES_MAX: usize = 32;

/// Returns the address of the TCP peer or, if the peer is a trusted proxy, the client's address from `X-Forwarded-For`.
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

/// Walks from the peer outwards and stops at the first address that is not a trusted proxy: entries before it may be forged by
/// the client.
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

/// The key under which requests of an address are counted: for IPv6 the address's /64, which is usually one household.
#[must_use]
pub fn counting_key(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits() >> 64 << 64,
    }
}

/// The key under which the whole network of an address is counted: for IPv6 its /48, which contains 65,536 of the /64
/// networks of [`counting_key`].
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
    fn client_address_is_the_first_forwarded_entry_not_from_a_trusted_proxy() {
        assert_eq!(client("203.0.113.9", "1.1.1.1", &["10.0.0.0/8"]), "203.0.113.9", "the peer is not trusted");
        assert_eq!(client("10.0.0.1", "1.1.1.1", &["10.0.0.0/8"]), "1.1.1.1");
        assert_eq!(client("10.0.0.1", "6.6.6.6, 1.1.1.1, 10.0.0.2", &["10.0.0.0/8"]), "1.1.1.1", "6.6.6.6 is forged");
        assert_eq!(client("10.0.0.1", "nonsense", &["10.0.0.0/8"]), "10.0.0.1");
        assert_eq!(client("10.0.0.1", "", &["10.0.0.0/8"]), "10.0.0.1");
    }

    #[test]
    fn addresses_of_one_ipv6_64_have_one_counting_key() {
        let key = |text: &str| counting_key(text.parse().unwrap());
        assert_eq!(key("2001:db8::1"), key("2001:db8::ffff"));
        assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
        assert_ne!(key("10.0.0.1"), key("10.0.0.2"));
    }

    #[test]
    fn addresses_of_one_ipv6_48_have_one_network_key() {
        let key = |text: &str| network_key(text.parse().unwrap());
        assert_eq!(key("2001:db8:7::1"), key("2001:db8:7:ffff::1"));
        assert_ne!(key("2001:db8:7::1"), key("2001:db8:8::1"));
        assert_ne!(key("10.0.0.1"), key("10.0.0.2"));
    }
}
