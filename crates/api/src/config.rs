//! What the binary tells this crate. Plain data; the settings' names and defaults live with the command line.

use ipnet::IpNet;
use serde::Serialize;
use utoipa::ToSchema;

/// Everything that the HTTP side needs to know and cannot find out.
#[derive(Clone, Debug)]
pub struct ApiConfig {
    /// The cinema's name as people read it.
    pub site_name: String,
    /// The address that people type: scheme, host, port; no slash at the end.
    pub public_url: SiteUrl,
    /// Other sites whose pages may change things here.
    pub allowed_origins: Vec<SiteUrl>,
    /// Networks whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Whether only this machine can connect. Then a strange `Host` is somebody's trick (DNS rebinding) and refused.
    pub listen_is_loopback: bool,
    /// With whom people sign in.
    pub sign_in: SignInConfig,
    /// Who is paid by PromptPay: a phone number, national id or wallet number. Without it the code is a demonstration.
    pub promptpay_id: Option<String>,
    /// What the payment provider signs its messages with.
    pub callback_secret: Secret,
    /// Whether requests are counted by person and address.
    pub rate_limit: bool,
}

/// With whom people sign in.
#[derive(Clone, Debug)]
pub enum SignInConfig {
    /// The built-in OpenID provider, through the same code as any other.
    Demo,
    /// Google, or any other OpenID provider.
    Google {
        /// Its issuer, as in its ID tokens.
        issuer: String,
        /// Our name there.
        client_id: String,
        /// Our secret there.
        client_secret: Secret,
    },
}

impl SignInConfig {
    /// As in `GET /api/site`.
    #[must_use]
    pub const fn kind(&self) -> SignInKind {
        match self {
            Self::Demo => SignInKind::Demo,
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

/// Bytes that never appear in a log.
#[derive(Clone)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Hides `bytes`.
    #[must_use]
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// Shows them, to whoever must compare or send them.
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
    /// Where its host begins: every request's is compared with it.
    host_at: usize,
}

impl SiteUrl {
    /// Takes an address; a slash at its end is dropped.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let text = text.trim_end_matches('/').to_owned();
        let host_at = text.find("://").map_or(text.len(), |scheme_end| scheme_end + 3);
        Self { text, host_at }
    }

    /// As in `Origin`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// As in `Host`: `cinema.example` or `127.0.0.1:8080`.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.text[self.host_at..]
    }

    /// Whether browsers speak TLS to it, so that cookies are `Secure`.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.text.starts_with("https://")
    }
}

impl ApiConfig {
    /// Whether pages of this origin may change things here.
    #[must_use]
    pub fn is_own_origin(&self, origin: &str) -> bool {
        self.sites().any(|site| site.as_str().eq_ignore_ascii_case(origin))
    }

    /// Whether a request to this `Host` means this server.
    #[must_use]
    pub fn is_own_host(&self, host: &str) -> bool {
        self.sites().any(|site| site.host().eq_ignore_ascii_case(host))
    }

    fn sites(&self) -> impl Iterator<Item = &SiteUrl> {
        std::iter::once(&self.public_url).chain(&self.allowed_origins)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The settings of a cinema on this machine.
    pub(crate) fn config() -> ApiConfig {
        ApiConfig {
            site_name: "Test Cinema".to_owned(),
            public_url: SiteUrl::new("http://127.0.0.1:8080/"),
            allowed_origins: vec![SiteUrl::new("https://partner.example")],
            trusted_proxies: Vec::new(),
            listen_is_loopback: true,
            sign_in: SignInConfig::Demo,
            promptpay_id: None,
            callback_secret: Secret::new("secret"),
            rate_limit: true,
        }
    }

    #[test]
    fn a_site_is_known_by_host_and_origin() {
        let config = config();
        assert!(config.is_own_host("127.0.0.1:8080") && config.is_own_host("PARTNER.example"));
        assert!(!config.is_own_host("127.0.0.1") && !config.is_own_host("evil.example"));
        assert_eq!(format!("{:?}", config.callback_secret), "…");
    }
}
