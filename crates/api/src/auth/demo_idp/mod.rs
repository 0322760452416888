//! The demo provider: a small OpenID provider that lets everybody sign in as anybody, so that the program can be tried without
//! an account anywhere. It speaks the same protocol as Google, and the relying party uses it through the same code.
//!
//! Its back channel ([`DemoIdp::answer`]) is a function from request to response; the relying party calls it in process, other
//! clients over HTTP.

mod authorize;
mod codes;
mod page;
mod query;
mod routes;
#[cfg(test)]
pub(super) mod test_provider;
mod token;

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use openidconnect::{
    HttpRequest, HttpResponse, JsonWebKeyId, PrivateSigningKey,
    core::{CoreEdDsaPrivateSigningKey, CoreJsonWebKeySet},
    http::{Method, Response, StatusCode, header},
};
use seatkeeper_core::ports::{Clock, Entropy};
use serde_json::{Value, json};

use self::codes::Codes;
pub use self::routes::routes;
use super::{oidc::CALLBACK_PATH, secrets};
use crate::config::SiteUrl;

/// Path of the provider, below the public URL.
const PATH: &str = "/demo-idp";
/// The only registered client.
const CLIENT_ID: &str = "seatkeeper";
/// The PKCS#8 header before the 32 bytes of an Ed25519 key (RFC 8410).
const ED25519_PKCS8_HEAD: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// The demo identity provider. Its key and client secret are generated per process; its codes can be exchanged at any
/// server.
pub(super) struct DemoIdp {
    issuer: String,
    redirect_uri: String,
    client_secret: String,
    key: CoreEdDsaPrivateSigningKey,
    codes: Codes,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl std::fmt::Debug for DemoIdp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DemoIdp").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

impl DemoIdp {
    /// A provider at `<public URL>/demo-idp` with a new key. `None` only if the key cannot be parsed.
    pub(super) fn new(public_url: &SiteUrl, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Option<Self> {
        Self::at(public_url, public_url, clock, entropy)
    }

    /// A provider at the URL `home`, with the relying party at the URL `client` and a new key. `None` only if the key
    /// cannot be parsed.
    fn at(home: &SiteUrl, client: &SiteUrl, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Option<Self> {
        let key_id = JsonWebKeyId::new(secrets::new_secret(&*entropy));
        let key = CoreEdDsaPrivateSigningKey::from_ed25519_pem(&new_key(&*entropy), Some(key_id)).ok()?;
        Some(Self {
            issuer: format!("{}{PATH}", home.as_str()),
            redirect_uri: format!("{}{CALLBACK_PATH}", client.as_str()),
            client_secret: secrets::new_secret(&*entropy),
            key,
            codes: Codes::default(),
            clock,
            entropy,
        })
    }

    /// Issuer, client id and client secret of the registered client.
    pub(super) fn registered_client(&self) -> (String, String, String) {
        (self.issuer.clone(), CLIENT_ID.to_owned(), self.client_secret.clone())
    }

    /// Answers a back-channel request: discovery, keys or token.
    pub(super) fn answer(&self, request: &HttpRequest) -> HttpResponse {
        let path = request.uri().path();
        let endpoint = path.find(PATH).map_or(path, |at| &path[at + PATH.len()..]);
        match (endpoint, request.method()) {
            ("/.well-known/openid-configuration", &Method::GET) => answer_json(StatusCode::OK, &self.configuration()),
            ("/jwks", &Method::GET) => answer_json(StatusCode::OK, &self.keys()),
            ("/token", &Method::POST) => self.answer_token(request),
            ("/.well-known/openid-configuration" | "/jwks" | "/token", _) => {
                answer_json(StatusCode::METHOD_NOT_ALLOWED, &json!({}))
            }
            _ => answer_json(StatusCode::NOT_FOUND, &json!({})),
        }
    }

    fn configuration(&self) -> Value {
        let at = |path: &str| format!("{}{path}", self.issuer);
        json!({
            "issuer": self.issuer,
            "authorization_endpoint": at("/authorize"),
            "token_endpoint": at("/token"),
            "jwks_uri": at("/jwks"),
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": ["authorization_code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["EdDSA"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "code_challenge_methods_supported": ["S256"],
            "scopes_supported": ["openid", "email", "profile"],
            "claims_supported": ["iss", "sub", "aud", "exp", "iat", "nonce", "name", "email", "email_verified"],
            "ui_locales_supported": ["th", "en"],
            "authorization_response_iss_parameter_supported": true,
        })
    }

    fn keys(&self) -> Value {
        serde_json::to_value(CoreJsonWebKeySet::new(vec![self.key.as_verification_key()])).unwrap_or_default()
    }
}

/// Generates an Ed25519 key as PEM text.
fn new_key(entropy: &dyn Entropy) -> String {
    let mut key = [0u8; 32];
    entropy.fill(&mut key);
    let der = [ED25519_PKCS8_HEAD.as_slice(), &key].concat();
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der))
}

fn answer_json(status: StatusCode, body: &Value) -> HttpResponse {
    let mut response = Response::new(body.to_string().into_bytes());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    response
}
