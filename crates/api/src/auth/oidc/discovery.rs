//! The provider's discovery document (OpenID Connect Discovery 1.0, 4) and its keys.

use openidconnect::core::CoreJsonWebKeySet;
use serde_json::Value;
use url::Url;

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
        let endpoint = |name: &str| {
            find_url(&document, name).ok_or_else(|| OidcError::Unavailable(format!("{address} names no {name}")))
        };
        let jwks_uri = endpoint("jwks_uri")?;
        let ways = json::texts(&document, "token_endpoint_auth_methods_supported");
        Ok(Self {
            issuer: issuer.to_owned(),
            authorization_endpoint: endpoint("authorization_endpoint")?,
            token_endpoint: endpoint("token_endpoint")?,
            user_info_endpoint: find_url(&document, "userinfo_endpoint"),
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

fn find_url(document: &Value, name: &str) -> Option<Url> {
    Url::parse(json::text(document, name)?).ok().filter(|url| matches!(url.scheme(), "https" | "http"))
}
