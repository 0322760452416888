//! Origins of web sites: scheme, host and port.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use url::{Host, Url};

/// An origin as browsers send it in the header `Origin`, such as `https://cinema.example`: the host is in lower case,
/// and the scheme's default port is omitted.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Origin(Url);

impl Origin {
    /// Parses a URL that consists of an origin only, without path, query, user name or password.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("'{text}' is not an address such as https://cinema.example");
        let url = Url::parse(text).map_err(|_| wrong())?;
        let is_web = matches!(url.scheme(), "http" | "https") && url.has_host();
        let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        let has_login = !url.username().is_empty() || url.password().is_some();
        if !is_web || has_login {
            return Err(wrong());
        }
        if !is_bare {
            return Err(format!("'{text}' has a path; only scheme, host and port count"));
        }
        if url.port() == Some(0) {
            return Err(format!("'{text}' has port 0, which nobody can reach"));
        }
        Ok(Self(url))
    }

    /// The origin as in the `Origin` header, without a trailing slash.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str().trim_end_matches('/')
    }

    /// The host, and the port unless it is the default, as in the `Host` header: `cinema.example` or `127.0.0.1:8080`.
    #[must_use]
    pub fn host(&self) -> &str {
        self.as_str().split_once("://").map_or("", |(_, host)| host)
    }

    /// Whether the site uses TLS. Cookies are `Secure` then.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// Whether the host is a loopback address or name.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match self.0.host() {
            Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => is_loopback(IpAddr::V6(address)),
            None => false,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

/// Whether an address is loopback. IPv4 addresses mapped to IPv6, such as `::ffff:127.0.0.1`, are included.
pub(super) fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// The address at which this machine reaches a server that listens on `listen`. An unspecified address such as
/// `0.0.0.0` cannot be connected to, so it is replaced by loopback.
#[must_use]
pub fn local_address(mut listen: SocketAddr) -> SocketAddr {
    if listen.ip().to_canonical().is_unspecified() {
        listen.set_ip(if listen.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() });
    }
    listen
}

/// The origin of the site, as visitors type it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublicUrl {
    /// Given by the setting `public_url`.
    Given(Origin),
    /// Derived from the listen address. With port 0 it is known only after the listener is bound.
    FromListen,
}

impl PublicUrl {
    /// The site's origin, given the address that was bound.
    ///
    /// # Errors
    /// `bound` is an unspecified address such as `0.0.0.0`. The error is a sentence for the operator.
    pub fn resolve(&self, bound: SocketAddr) -> Result<Origin, String> {
        match self {
            Self::Given(origin) => Ok(origin.clone()),
            Self::FromListen if bound.ip().is_unspecified() => {
                Err(format!("{bound} is every address of this machine; people need one to type"))
            }
            Self::FromListen => Origin::parse(&format!("http://{bound}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origin_is_normalised_as_browsers_send_it() {
        for (text, origin, host) in [
            ("https://Cinema.Example:443/", "https://cinema.example", "cinema.example"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080", "127.0.0.1:8080"),
            ("http://[::1]:8080", "http://[::1]:8080", "[::1]:8080"),
        ] {
            let parsed = Origin::parse(text).unwrap();
            assert_eq!((parsed.as_str(), parsed.host()), (origin, host));
        }
    }

    #[test]
    fn url_with_more_than_an_origin_is_refused() {
        for text in [
            "cinema.example",
            "ftp://a",
            "https://a/b",
            "https://a?b",
            "https://u:p@a",
            "http://a:0",
            "null",
            "file:///",
        ] {
            Origin::parse(text).unwrap_err();
        }
    }

    #[test]
    fn only_loopback_hosts_are_loopback() {
        for (text, expected) in [
            ("http://localhost:1", true),
            ("http://127.9.9.9", true),
            ("http://[::1]", true),
            ("http://[::ffff:127.0.0.1]", true),
            ("http://10.0.0.1", false),
            ("http://localhost.example", false),
        ] {
            assert_eq!(Origin::parse(text).unwrap().is_loopback(), expected, "{text}");
        }
    }

    #[test]
    fn local_address_of_an_unspecified_listen_address_is_loopback_with_the_same_port() {
        for (listen, local) in [
            ("0.0.0.0:80", "127.0.0.1:80"),
            ("[::]:81", "[::1]:81"),
            ("127.0.0.2:82", "127.0.0.2:82"),
            ("10.0.0.5:83", "10.0.0.5:83"),
        ] {
            assert_eq!(local_address(listen.parse().unwrap()).to_string(), local);
        }
    }

    #[test]
    fn public_url_that_is_derived_from_the_listen_address_has_the_bound_port() {
        let bound = "127.0.0.1:40123".parse().unwrap();
        assert_eq!(PublicUrl::FromListen.resolve(bound).unwrap().as_str(), "http://127.0.0.1:40123");
        let everywhere = "0.0.0.0:80".parse().unwrap();
        PublicUrl::FromListen.resolve(everywhere).unwrap_err();
    }
}
