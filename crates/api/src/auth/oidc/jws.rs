//! Verifies signed tokens (JWS, RFC 7515): ID tokens, and the answers of UserInfo endpoints that sign them. The crate
//! `openidconnect` parses the keys and verifies signatures.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use openidconnect::{
    JsonWebKey, JsonWebKeyAlgorithm, JsonWebKeyUse,
    core::{CoreJsonWebKey, CoreJsonWebKeySet, CoreJwsSigningAlgorithm},
};
use serde_json::Value;

use super::json;

/// Accepted signature algorithms: asymmetric ones only, never `none` or a shared secret.
const SIGNATURES: [CoreJwsSigningAlgorithm; 5] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];
/// Maximum number of keys tried for one token. Providers publish a handful.
const KEYS_TRIED_MAX: usize = 32;

/// Why a token is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum JwsError {
    /// No key of the set verifies the signature. The provider may have changed its keys.
    #[error("no key of the provider verifies the signature")]
    WrongKey,
    /// The token is not a signed token that this program accepts.
    #[error("{0}")]
    Unsupported(&'static str),
}

/// Returns the payload of a token that one of `keys` has signed.
pub(super) fn verify(token: &str, keys: &CoreJsonWebKeySet) -> Result<Value, JwsError> {
    let parts: Vec<&str> = token.trim().split('.').collect();
    let [header, payload, signature] = parts[..] else {
        let is_encrypted = parts.len() == 5;
        return Err(JwsError::Unsupported(if is_encrypted { "the token is encrypted" } else { "not a token" }));
    };
    let message = format!("{header}.{payload}");
    let (header, payload) = (decoded(header)?, decoded(payload)?);
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| JwsError::Unsupported("not a token"))?;
    if header.get("crit").is_some() {
        return Err(JwsError::Unsupported("the token has critical extensions"));
    }
    let algorithm = header.get("alg").and_then(|alg| serde_json::from_value(alg.clone()).ok());
    let algorithm = algorithm.filter(|algorithm| SIGNATURES.contains(algorithm));
    let algorithm = algorithm.ok_or(JwsError::Unsupported("the signature's algorithm is not accepted"))?;
    let key_id = json::text(&header, "kid");
    let fitting = keys.keys().iter().filter(|key| fits(key, key_id, &algorithm));
    let is_signed = fitting
        .take(KEYS_TRIED_MAX)
        .any(|key| key.verify_signature(&algorithm, message.as_bytes(), &signature).is_ok());
    if is_signed { Ok(payload) } else { Err(JwsError::WrongKey) }
}

fn decoded(part: &str) -> Result<Value, JwsError> {
    let bytes = URL_SAFE_NO_PAD.decode(part).ok();
    bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).ok_or(JwsError::Unsupported("not a token"))
}

/// Whether the key may have signed with this algorithm. A token without a key id may be signed by any key.
fn fits(key: &CoreJsonWebKey, key_id: Option<&str>, algorithm: &CoreJwsSigningAlgorithm) -> bool {
    let is_named = key_id.is_none_or(|id| key.key_id().is_some_and(|own| own.as_str() == id));
    let is_for_this = match key.signing_alg() {
        JsonWebKeyAlgorithm::Unspecified => true,
        JsonWebKeyAlgorithm::Algorithm(own) => own == algorithm,
        JsonWebKeyAlgorithm::Unsupported => false,
    };
    is_named && is_for_this && key.key_use().is_none_or(JsonWebKeyUse::allows_signature)
}
