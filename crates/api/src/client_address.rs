//! Determines a request's client address, and the keys under which limits count it.

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
    // The entries are read as bytes: a client could make the whole line invalid as text, with the entry that the
    // proxy has appended to it.
    let lines = request.headers.get_all("x-forwarded-for").iter().map(|line| line.as_bytes());
    let lines: Vec<&[u8]> = lines.collect();
    behind_proxies(peer, lines.iter().rev().flat_map(|line| line.rsplit(|byte| *byte == b',')), trusted)
}

/// Walks from the peer outwards and stops at the first address that is not a trusted proxy: entries before it may be
/// forged by the client. Also stops at an entry without an address, such as `unknown`.
fn behind_proxies<'a>(peer: IpAddr, nearest_first: impl Iterator<Item = &'a [u8]>, trusted: &[IpNet]) -> IpAddr {
    let mut client = peer;
    for entry in nearest_first.take(FORWARDED_ENTRIES_MAX) {
        if !trusted.iter().any(|network| network.contains(&client)) {
            break;
        }
        let Some(address) = parse_forwarded(entry) else { break };
        client = address.to_canonical();
    }
    client
}

/// Parses an entry of `X-Forwarded-For`. Some proxies add the client's port, and then write an IPv6 address in
/// brackets; some quote the entry.
fn parse_forwarded(entry: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(entry).ok()?.trim();
    let text = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text).trim();
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address);
    }
    if let Ok(with_port) = text.parse::<SocketAddr>() {
        return Some(with_port.ip());
    }
    text.strip_prefix('[')?.strip_suffix(']')?.parse::<IpAddr>().ok()
}

/// The keys under which limits count a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientKeys {
    address: u128,
    network: Option<u128>,
}

impl ClientKeys {
    /// The keys of an address. For IPv6 the key of the address is its /64, which is usually one household or one phone,
    /// and there is a second key for its /48: a site may own all 65,536 of the /64 in it and rotate them.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match with_ipv4_unwrapped(address) {
            IpAddr::V4(v4) => Self { address: u128::from(v4.to_bits()), network: None },
            IpAddr::V6(v6) => {
                // The prefix length in the lowest bits makes the key of a /48 differ from that of the first /64 in it.
                let keep = |prefix: u32| ((v6.to_bits() >> (128 - prefix)) << (128 - prefix)) | u128::from(prefix);
                Self { address: keep(64), network: Some(keep(48)) }
            }
        }
    }

    /// The key of the address: of an IPv4 address, or of an IPv6 /64.
    #[must_use]
    pub(crate) fn address(self) -> u128 {
        self.address
    }

    /// The key of the IPv6 /48; `None` for IPv4.
    #[must_use]
    pub(crate) fn network(self) -> Option<u128> {
        self.network
    }

    /// The key of the whole network: of an IPv4 address, or of an IPv6 /48.
    #[must_use]
    pub(crate) fn widest(self) -> u128 {
        self.network.unwrap_or(self.address)
    }
}

/// Replaces an IPv6 address that stands for an IPv4 address by that one. Otherwise an IPv4 client would get the
/// allowance of a whole IPv6 network (6to4), or all IPv4 clients together that of one IPv6 address (NAT64).
fn with_ipv4_unwrapped(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address.to_canonical() else { return address.to_canonical() };
    let (high, low) = match v6.segments() {
        // 6to4 (RFC 3056): 2002:V4ADDR::/48 belongs to the IPv4 address.
        [0x2002, high, low, ..] => (high, low),
        // NAT64 (RFC 6052): 64:ff9b::V4ADDR.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => (high, low),
        _ => return IpAddr::V6(v6),
    };
    IpAddr::V4(Ipv4Addr::from_bits((u32::from(high) << 16) | u32::from(low)))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderValue, Request};

    use super::*;

    /// The client address of a request with these `X-Forwarded-For` headers.
    fn client(peer: &str, forwarded: &[&[u8]], trusted: &[&str]) -> String {
        let trusted: Vec<IpNet> = trusted.iter().map(|net| net.parse().unwrap()).collect();
        let mut parts = Request::new(()).into_parts().0;
        parts.extensions.insert(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 1)));
        for line in forwarded {
            parts.headers.append("x-forwarded-for", HeaderValue::from_bytes(line).unwrap());
        }
        of_request(&parts, &trusted).to_string()
    }

    #[test]
    fn client_address_is_the_first_forwarded_entry_not_from_a_trusted_proxy() {
        const PROXY: &[&str] = &["10.0.0.0/8"];
        assert_eq!(client("203.0.113.9", &[b"1.1.1.1"], PROXY), "203.0.113.9", "the peer is not trusted");
        assert_eq!(client("10.0.0.1", &[b"1.1.1.1"], PROXY), "1.1.1.1");
        assert_eq!(client("::ffff:10.0.0.1", &[b"::ffff:1.1.1.1"], PROXY), "1.1.1.1");
        assert_eq!(client("10.0.0.1", &[b"6.6.6.6, 1.1.1.1, 10.0.0.2"], PROXY), "1.1.1.1", "6.6.6.6 is forged");
        assert_eq!(client("10.0.0.1", &[b"6.6.6.6", b" 1.1.1.1 ,10.0.0.2 "], PROXY), "1.1.1.1", "several headers");
        assert_eq!(client("10.0.0.1", &[b"1.1.1.1", b"10.0.0.2"], PROXY), "1.1.1.1", "each proxy adds a header");
        assert_eq!(client("10.0.0.1", &[], PROXY), "10.0.0.1");
    }

    #[test]
    fn forwarded_entry_may_have_a_port_brackets_and_quotes() {
        for (entry, address) in [
            ("1.2.3.4:5678", "1.2.3.4"),
            ("\"1.2.3.4:5678\"", "1.2.3.4"),
            ("\"1.2.3.4\"", "1.2.3.4"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("\"[2001:db8::1]:443\"", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("[::ffff:1.2.3.4]:80", "1.2.3.4"),
            ("\t1.2.3.4 ", "1.2.3.4"),
        ] {
            assert_eq!(client("10.0.0.1", &[entry.as_bytes()], &["10.0.0.0/8"]), address, "{entry}");
            let behind_two = format!("{entry}, 10.0.0.2:4711");
            assert_eq!(client("10.0.0.1", &[behind_two.as_bytes()], &["10.0.0.0/8"]), address, "{behind_two}");
        }
    }

    #[test]
    fn forwarded_entry_without_an_address_ends_the_chain_at_the_proxy_before() {
        for entry in ["unknown", "_hidden", "", "1.2.3.4:99999", "1.2.3.4:", "[1.2.3.4", "\"", "[]", "example.org"] {
            let line = format!("6.6.6.6, {entry}");
            assert_eq!(client("10.0.0.1", &[line.as_bytes()], &["10.0.0.0/8"]), "10.0.0.1", "{entry}");
        }
        // The client has sent a line that is not UTF-8, to which the proxy has appended the address.
        let line = b"\xff, 1.1.1.1";
        assert_eq!(client("10.0.0.1", &[b"6.6.6.6", line], &["10.0.0.0/8"]), "1.1.1.1");
    }

    fn keys(text: &str) -> ClientKeys {
        ClientKeys::of(text.parse().unwrap())
    }

    #[test]
    fn ipv6_address_is_counted_by_its_64_and_by_its_48() {
        assert_eq!(keys("2001:db8:7::1"), keys("2001:db8:7::ffff"));
        let (one, other) = (keys("2001:db8:7::1"), keys("2001:db8:7:ffff::1"));
        assert_ne!(one.address(), other.address());
        assert_eq!(one.network(), other.network());
        assert_ne!(one.network(), keys("2001:db8:8::1").network());
        assert_ne!(one.network(), Some(one.address()), "the first /64 of a /48 has another key");
        assert_eq!(one.widest(), other.widest());
    }

    #[test]
    fn ipv4_address_has_one_key_in_all_of_its_ipv6_forms() {
        let plain = keys("203.0.113.9");
        assert_eq!((plain.network(), plain.widest()), (None, plain.address()));
        assert_ne!(plain, keys("203.0.113.10"));
        for same in ["::ffff:203.0.113.9", "2002:cb00:7109::1", "2002:cb00:7109:ffff::1", "64:ff9b::203.0.113.9"] {
            assert_eq!(keys(same), plain, "{same}");
        }
        for other in ["64:ff9b::203.0.113.10", "64:ff9b:1::203.0.113.9", "2002:cb00:710a::1"] {
            assert_ne!(keys(other), plain, "{other}");
        }
    }
}
