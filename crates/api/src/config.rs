//! Settings of this crate, as plain data. Their names and defaults are defined by the binary's command line.

use ipnet::IpNet;
use seatkeeper_core::email::EmailKey;
use serde::Serialize;
use utoipa::ToSchema;

/// Settings of the HTTP server.
#[derive(Clone, Debug)]
pub struct ApiConfig {
    /// The cinema's display name.
    pub site_name: String,
    /// The URL of this site for browsers: scheme, host, port; no slash at the end.
    pub public_url: SiteUrl,
    /// Other origins whose pages may send changing requests.
    pub allowed_origins: Vec<SiteUrl>,
    /// Networks whose `X-Forwarded-For` is trusted.
    pub trusted_proxies: Vec<IpNet>,
    /// Whether the server listens on loopback only. Then it refuses requests with an unknown `Host`, as protection
    /// against DNS rebinding.
    pub listen_is_loopback: bool,
    /// The identity provider.
    pub sign_in: SignInConfig,
    /// The verified address of the person who alone can become the first administrator; `None`: the first person ever.
    pub admin_email: Option<EmailKey>,
    /// The PromptPay payee: a phone number, national id or wallet number. The payment code is marked as a demo with or
    /// without it.
    pub promptpay_id: Option<String>,
    /// Secret with which the payment provider signs its callbacks.
    pub callback_secret: Secret,
    /// Whether requests are limited by person and address.
    pub rate_limit: bool,
}

/// The identity provider.
#[derive(Clone, Debug)]
pub enum SignInConfig {
    /// The built-in OpenID provider, used through the same code as any other.
    Demo {
        /// Whether people may sign in through a proxy, and thereby from other machines.
        is_allowed_behind_proxies: bool,
    },
    /// Google, or any other OpenID provider.
    Google {
        /// The provider's issuer URL, as in its ID tokens.
        issuer: String,
        /// The client id with which this site is registered at the provider.
        client_id: String,
        /// The client secret with which this site is registered at the provider.
        client_secret: Secret,
    },
}

impl SignInConfig {
    /// The kind of identity provider, as `GET /api/site` returns it.
    #[must_use]
    pub const fn kind(&self) -> SignInKind {
        match self {
            Self::Demo { .. } => SignInKind::Demo,
            Self::Google { .. } => SignInKind::Google,
        }
    }
}

/// With whom people sign in, as pages must know it.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignInKind {
    /// The built-in demo provider: anybody as anybody.
    Demo,
    /// Google, or another OpenID provider.
    Google,
}

/// Secret bytes, which `Debug` does not print.
#[derive(Clone)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Wraps `bytes`.
    #[must_use]
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// Returns the secret bytes, for code that must compare or send them.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

/// A site as browsers name it in `Origin`: `https://cinema.example`, without a slash at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteUrl {
    text: String,
    /// Offset of the host, cached because the host of every request is compared with it.
    host_at: usize,
}

impl SiteUrl {
    /// Parses a URL; slashes at its end are dropped.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let text = text.trim_end_matches('/').to_owned();
        let host_at = text.find("://").map_or(text.len(), |scheme_end| scheme_end + 3);
        Self { text, host_at }
    }

    /// The site as in an `Origin` header: scheme, host and port.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The site as in a `Host` header: `cinema.example` or `127.0.0.1:8080`.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.text[self.host_at..]
    }

    /// Whether browsers reach this site over TLS, so that cookies can be `Secure`.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.text.starts_with("https://")
    }

    /// Whether a request's `Host` names this site. Proxies may remove the port (nginx's `$host`) or set the scheme's
    /// default port, so only another port makes the `Host` differ.
    fn is_named_by(&self, host: &str) -> bool {
        let (name, port) = split_port(host);
        let (own_name, own_port) = split_port(self.host());
        let default_port = if self.is_https() { 443 } else { 80 };
        let is_own_port = |port| port == default_port || Some(port) == own_port;
        is_same_name(name, own_name) && port.is_none_or(is_own_port)
    }

    /// Whether the `Origin` header of a request names this site. Browsers omit the scheme's default port, so here the
    /// ports must be equal: another port is another site.
    fn is_origin(&self, origin: &str) -> bool {
        let Some((scheme, host)) = origin.split_once("://") else { return false };
        let (name, port) = split_port(host);
        let (own_name, own_port) = split_port(self.host());
        self.text.split("://").next().is_some_and(|own_scheme| own_scheme.eq_ignore_ascii_case(scheme))
            && is_same_name(name, own_name)
            && port == own_port
    }
}

/// Splits `tickets.example:8443` into name and port. An invalid port stays part of the name, which then equals no other.
fn split_port(host: &str) -> (&str, Option<u16>) {
    match host.rsplit_once(':') {
        Some((name, "")) => (name, None),
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
            port.parse().map_or((host, None), |port| (name, Some(port)))
        }
        _ => (host, None),
    }
}

/// Compares host names, ignoring case and the final dot of a fully qualified name.
fn is_same_name(one: &str, other: &str) -> bool {
    let plain = |name: &'_ str| name.len() - usize::from(name.ends_with('.'));
    let (one, other) = (&one[..plain(one)], &other[..plain(other)]);
    !one.is_empty() && one.eq_ignore_ascii_case(other)
}

impl ApiConfig {
    /// Whether pages of this origin may send changing requests.
    #[must_use]
    pub fn is_own_origin(&self, origin: &str) -> bool {
        self.sites().any(|site| site.is_origin(origin))
    }

    /// Whether a request's `Host` names this site or an allowed origin.
    #[must_use]
    pub fn is_own_host(&self, host: &str) -> bool {
        self.sites().any(|site| site.is_named_by(host))
    }

    fn sites(&self) -> impl Iterator<Item = &SiteUrl> {
        std::iter::once(&self.public_url).chain(&self.allowed_origins)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Settings of a server on loopback.
    pub(crate) fn config() -> ApiConfig {
        ApiConfig {
            site_name: "Test Cinema".to_owned(),
            public_url: SiteUrl::new("http://127.0.0.1:8080/"),
            allowed_origins: vec![SiteUrl::new("https://partner.example")],
            trusted_proxies: Vec::new(),
            listen_is_loopback: true,
            sign_in: SignInConfig::Demo { is_allowed_behind_proxies: false },
            admin_email: None,
            promptpay_id: None,
            callback_secret: Secret::new("secret"),
            rate_limit: true,
        }
    }

    /// For three public URLs: spellings of `Host`, and whether each names the site.
    #[test]
    fn host_header_names_the_site_without_port_with_default_port_or_with_final_dot() {
        const ALIASES: [(&str, &str, &[&str], &[&str]); 4] = [
            (
                "https://tickets.example:8443",
                "https, own port",
                &[
                    "tickets.example:8443",
                    "tickets.example",
                    "tickets.example:443",
                    "tickets.example.",
                    "tickets.example.:8443",
                    "TICKETS.example",
                    "tickets.example:",
                ],
                &["tickets.example:80", "tickets.example:9999", "tickets.example:99999", "tickets.example.."],
            ),
            (
                "https://tickets.example",
                "https, default port",
                &["tickets.example", "tickets.example:443", "tickets.example.", "tickets.example.:443"],
                &["tickets.example:80", "tickets.example:8443", "www.tickets.example", "tickets.example.evil"],
            ),
            (
                "http://127.0.0.1:8080",
                "loopback",
                &["127.0.0.1:8080", "127.0.0.1", "127.0.0.1:80"],
                &["127.0.0.1:81", "127.0.0.2:8080", "localhost:8080", "localhost"],
            ),
            ("http://[::1]:8080", "IPv6", &["[::1]:8080", "[::1]", "[::1]:80"], &["[::1]:81", "::1", "[::2]:8080"]),
        ];
        for (site, what, own, foreign) in ALIASES {
            let config = ApiConfig { public_url: SiteUrl::new(site), allowed_origins: Vec::new(), ..config() };
            for host in own {
                assert!(config.is_own_host(host), "{what}: {host}");
            }
            for host in foreign.iter().chain(&["", ".", ":", ":8443", "evil.example", "evil.example:8443", "@"]) {
                assert!(!config.is_own_host(host), "{what}: {host}");
            }
        }
        let config = config();
        assert!(config.is_own_host("PARTNER.example") && config.is_own_host("partner.example:443"));
    }

    #[test]
    fn origin_header_equals_the_site_only_with_the_same_scheme_and_port() {
        let config = ApiConfig { public_url: SiteUrl::new("https://tickets.example:8443"), ..config() };
        for own in ["https://tickets.example:8443", "HTTPS://Tickets.Example:8443", "https://tickets.example.:8443"] {
            assert!(config.is_own_origin(own), "{own}");
        }
        for foreign in [
            "https://tickets.example",
            "https://tickets.example:443",
            "http://tickets.example:8443",
            "https://tickets.example:8443/",
            "https://partner.example:8443",
            "tickets.example:8443",
            "https://",
            "null",
            "",
        ] {
            assert!(!config.is_own_origin(foreign), "{foreign}");
        }
    }

    #[test]
    fn debug_output_of_a_secret_does_not_contain_its_bytes() {
        assert_eq!(format!("{:?}", config().callback_secret), "…");
    }
}
