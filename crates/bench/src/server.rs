//! The server under load. Only loopback addresses are accepted, so that nobody loads somebody else's server by mistake.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use url::{Host, Url};

/// A server on a loopback address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Server {
    /// Address to connect to.
    pub(super) address: SocketAddr,
    /// Value of the `Host` header.
    pub(super) host: String,
}

impl Server {
    /// Parses `http://127.0.0.1:8080`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|error| error.to_string())?;
        if url.scheme() != "http" || url.path() != "/" || url.query().is_some() {
            return Err("an address such as http://127.0.0.1:8080 is expected".to_owned());
        }
        let ip = match url.host() {
            Some(Host::Ipv4(ip)) => IpAddr::V4(ip),
            Some(Host::Ipv6(ip)) => IpAddr::V6(ip),
            Some(Host::Domain("localhost")) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            Some(Host::Domain(_)) | None => return Err(NOT_HERE.to_owned()),
        };
        if !ip.is_loopback() {
            return Err(NOT_HERE.to_owned());
        }
        let address = SocketAddr::new(ip, url.port_or_known_default().unwrap_or(80));
        Ok(Self { address, host: url.authority().to_owned() })
    }
}

const NOT_HERE: &str = "only a server of this machine (127.0.0.1, ::1, localhost) is put under load";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_is_refused_unless_its_address_is_loopback() {
        for (text, address, host) in [
            ("http://127.0.0.1:8080", "127.0.0.1:8080", "127.0.0.1:8080"),
            ("http://localhost:9000/", "127.0.0.1:9000", "localhost:9000"),
            ("http://[::1]:81", "[::1]:81", "[::1]:81"),
            ("http://127.0.0.2", "127.0.0.2:80", "127.0.0.2"),
        ] {
            let server = Server::parse(text).unwrap();
            assert_eq!((server.address.to_string().as_str(), server.host.as_str()), (address, host));
        }
        for text in [
            "http://192.0.2.1:8080",
            "http://cinema.example",
            "http://localhost.example",
            "http://0.0.0.0:8080",
            "https://127.0.0.1",
            "http://127.0.0.1/path",
            "127.0.0.1:8080",
            "",
        ] {
            assert!(Server::parse(text).is_err(), "{text}");
        }
    }
}
