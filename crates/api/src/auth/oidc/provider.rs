//! Cache of the identity provider's discovery document and keys, fetched when first needed.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use openidconnect::{
    AdditionalProviderMetadata, IssuerUrl, JsonWebKeySet, ProviderMetadata,
    core::{
        CoreAuthDisplay, CoreClaimName, CoreClaimType, CoreClientAuthMethod, CoreGrantType, CoreJsonWebKey,
        CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm, CoreResponseMode, CoreResponseType,
        CoreSubjectIdentifierType,
    },
};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::{
    back_channel::BackChannel,
    error::{OidcError, unavailable, whole_story},
};

/// A cached discovery document and keys older than this are fetched again at the next sign-in.
const FRESH_FOR: SignedDuration = SignedDuration::from_hours(1);
/// If that fetch fails, the cached document and keys are used up to this age. The age is limited because a key that the
/// provider has revoked must not be accepted for ever.
const STALE_FOR_MAX: SignedDuration = SignedDuration::from_hours(24);
/// Minimum time between two fetches of keys because of an unknown key id, since an attacker could send many unknown
/// ids.
const KEYS_REFETCH_AFTER: SignedDuration = SignedDuration::from_mins(1);
/// Minimum time before a failed fetch is retried; meanwhile callers get the same error at once.
const RETRY_AFTER: SignedDuration = SignedDuration::from_secs(2);

/// A discovery document with its keys.
pub(super) type Metadata = ProviderMetadata<
    ResponseIssuer,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

/// Whether the provider sends `iss` with its authorization responses (RFC 9207). If it does, a response without `iss`
/// is refused.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct ResponseIssuer {
    #[serde(default, rename = "authorization_response_iss_parameter_supported")]
    pub(super) is_named: bool,
}

impl AdditionalProviderMetadata for ResponseIssuer {}

/// Cache of the metadata of one identity provider.
#[derive(Debug, Default)]
pub(super) struct Provider {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    known: Option<CachedMetadata>,
    failed: Option<(Timestamp, String)>,
}

#[derive(Debug)]
struct CachedMetadata {
    metadata: Arc<Metadata>,
    fetched_at: Timestamp,
    keys_at: Timestamp,
}

impl Provider {
    /// Returns the discovery document and keys, at most an hour old if the provider is reachable. Concurrent callers
    /// share one fetch.
    pub(super) async fn metadata(
        &self,
        issuer: &IssuerUrl,
        back: &BackChannel,
        now: Timestamp,
    ) -> Result<Arc<Metadata>, OidcError> {
        let mut state = self.state.lock().await;
        if let Some(known) = state.known.as_ref().filter(|known| now.duration_since(known.fetched_at) < FRESH_FOR) {
            return Ok(Arc::clone(&known.metadata));
        }
        let failure = match state.failed.take().filter(|(at, _)| now.duration_since(*at) < RETRY_AFTER) {
            Some(failed) => failed,
            None => match Metadata::discover_async(issuer.clone(), back).await {
                Ok(metadata) => {
                    let metadata = Arc::new(metadata);
                    state.known =
                        Some(CachedMetadata { metadata: Arc::clone(&metadata), fetched_at: now, keys_at: now });
                    return Ok(metadata);
                }
                Err(error) => (now, whole_story(&error)),
            },
        };
        let old = state.known.as_ref().filter(|known| now.duration_since(known.fetched_at) < STALE_FOR_MAX);
        let answer =
            old.map(|known| Arc::clone(&known.metadata)).ok_or_else(|| OidcError::Unavailable(failure.1.clone()));
        state.failed = Some(failure);
        answer
    }

    /// Fetches the provider's keys again, because a token has an unknown key id; `None` if they were fetched a moment
    /// ago.
    pub(super) async fn with_new_keys(
        &self,
        back: &BackChannel,
        now: Timestamp,
    ) -> Result<Option<Arc<Metadata>>, OidcError> {
        let mut state = self.state.lock().await;
        let due = |known: &&mut CachedMetadata| now.duration_since(known.keys_at) >= KEYS_REFETCH_AFTER;
        let Some(known) = state.known.as_mut().filter(due) else { return Ok(None) };
        known.keys_at = now;
        let keys =
            JsonWebKeySet::fetch_async(known.metadata.jwks_uri(), back).await.map_err(|error| unavailable(&error))?;
        known.metadata = Arc::new(Metadata::clone(&known.metadata).set_jwks(keys));
        Ok(Some(Arc::clone(&known.metadata)))
    }
}
