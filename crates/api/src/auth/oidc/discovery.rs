//! The provider's discovery document (OpenID Connect Discovery 1.0, 4) and its keys.

use openidconnect::core::CoreJsonWebKeySet;
use serde_json::Value;
use url::{Host, Url};

use super::{back_channel::BackChannel, error::OidcError, json};

/// Path of the discovery document, below the issuer.
const DOCUMENT: &str = ".well-known/openid-configuration";

/// What the program uses of a discovery document, with the provider's keys.
#[derive(Clone, Debug)]
pub(super) struct Metadata {
    pub(super) issuer: String,
    pub(super) authorization_endpoint: Url,
    pub(super) token_endpoint: Url,
    /// Where claims that are not in the ID token can be read, if the provider has such an endpoint.
    pub(super) user_info_endpoint: Option<Url>,
    /// Whether the client authenticates to the token endpoint with HTTP Basic, else in the form (RFC 6749 2.3.1).
    pub(super) takes_basic: bool,
    /// Whether the provider sends `iss` with its authorization responses (RFC 9207). If it does, a response without
    /// `iss` is refused.
    pub(super) is_named: bool,
    jwks_uri: Url,
    pub(super) keys: CoreJsonWebKeySet,
}

impl Metadata {
    /// Fetches the document and the keys of an issuer.
    pub(super) async fn fetch(issuer: &str, back: &BackChannel) -> Result<Self, OidcError> {
        let address = format!("{}/{DOCUMENT}", issuer.strip_suffix('/').unwrap_or(issuer));
        let document = json::get(back, &address).await?;
        let named = json::text(&document, "issuer").unwrap_or_default();
        if named != issuer {
            return Err(OidcError::Unavailable(format!("{address} is of the issuer '{named}', not of '{issuer}'")));
        }
        let find = |name: &str| find_url(&document, name, issuer);
        let endpoint =
            |name: &str| find(name).ok_or_else(|| OidcError::Unavailable(format!("{address} names no usable {name}")));
        let jwks_uri = endpoint("jwks_uri")?;
        let ways = json::texts(&document, "token_endpoint_auth_methods_supported");
        Ok(Self {
            issuer: issuer.to_owned(),
            authorization_endpoint: endpoint("authorization_endpoint")?,
            token_endpoint: endpoint("token_endpoint")?,
            user_info_endpoint: find("userinfo_endpoint"),
            takes_basic: ways.is_empty() || ways.contains(&"client_secret_basic"),
            is_named: document.get("authorization_response_iss_parameter_supported") == Some(&Value::Bool(true)),
            keys: fetch_keys(&jwks_uri, back).await?,
            jwks_uri,
        })
    }

    /// The same document with keys fetched now.
    pub(super) async fn with_new_keys(&self, back: &BackChannel) -> Result<Self, OidcError> {
        Ok(Self { keys: fetch_keys(&self.jwks_uri, back).await?, ..self.clone() })
    }
}

/// Keys of unknown types are skipped.
async fn fetch_keys(address: &Url, back: &BackChannel) -> Result<CoreJsonWebKeySet, OidcError> {
    let document = json::get(back, address.as_str()).await?;
    serde_json::from_value(document).map_err(|_| OidcError::Unavailable(format!("{address} lists no keys")))
}

/// Returns the URL of this member if it is safe to call it or to redirect a browser to it: the secret, the code and the
/// tokens must be encrypted on a network. Plain http is accepted on loopback, and at the origin of an issuer that is
/// http itself, which the settings allow only for the demo provider of this process and on loopback.
fn find_url(document: &Value, name: &str, issuer: &str) -> Option<Url> {
    let url = Url::parse(json::text(document, name)?).ok()?;
    let is_of_issuer = || Url::parse(issuer).is_ok_and(|issuer| issuer.origin() == url.origin());
    let is_safe = match url.scheme() {
        "https" => true,
        "http" => is_loopback(&url) || is_of_issuer(),
        _ => false,
    };
    is_safe.then_some(url)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn http_endpoint_of_an_https_provider_is_accepted_only_on_loopback() {
        let is_usable = |endpoint: &str, issuer: &str| {
            find_url(&json!({ "token_endpoint": endpoint }), "token_endpoint", issuer).is_some()
        };
        let issuer = "https://idp.example";
        for usable in [
            "https://idp.example/token",
            "https://other.example/token",
            "http://127.0.0.1:9/token",
            "http://[::1]/token",
            "http://localhost:9/token",
            "http://idp.localhost/token",
        ] {
            assert!(is_usable(usable, issuer), "{usable}");
        }
        for refused in [
            "http://idp.example/token",
            "http://localhost.example/token",
            "http://10.0.0.1/token",
            "http://[::2]/token",
            "ftp://127.0.0.1/token",
            "/token",
            "",
        ] {
            assert!(!is_usable(refused, issuer), "{refused}");
        }
        assert!(is_usable("http://192.0.2.1:8080/demo-idp/token", "http://192.0.2.1:8080/demo-idp"), "of the demo");
        assert!(!is_usable("http://192.0.2.1:8081/token", "http://192.0.2.1:8080/demo-idp"), "another port");
    }
}
