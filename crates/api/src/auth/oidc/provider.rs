//! What is known of the identity provider: its discovery document and its keys, fetched when first needed.

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

use super::{OidcError, back_channel::BackChannel, unavailable};

/// Keys and addresses older than this are fetched again at the next sign-in.
const FRESH_FOR: SignedDuration = SignedDuration::from_hours(1);
/// When that fails, the old ones serve so long: a key that the provider withdrew must not be believed for ever.
const STALE_FOR_MAX: SignedDuration = SignedDuration::from_hours(24);
/// Keys are fetched again for an unknown key id, but not more often than this: anybody can write an unknown id.
const KEYS_REFETCH_AFTER: SignedDuration = SignedDuration::from_mins(1);
/// After a failure nobody asks again for so long; those who wait meanwhile get the same failure at once.
const RETRY_AFTER: SignedDuration = SignedDuration::from_secs(2);

/// A discovery document.
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

/// Whether the provider names itself in its answers (RFC 9207). If it says so, an answer without it is another's.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct ResponseIssuer {
    #[serde(default, rename = "authorization_response_iss_parameter_supported")]
    pub(super) is_named: bool,
}

impl AdditionalProviderMetadata for ResponseIssuer {}

/// The provider as last fetched.
#[derive(Debug, Default)]
pub(super) struct Provider {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    known: Option<Known>,
    failed: Option<(Timestamp, String)>,
}

#[derive(Debug)]
struct Known {
    metadata: Arc<Metadata>,
    fetched_at: Timestamp,
    keys_at: Timestamp,
}

impl Provider {
    /// Its document and keys, an hour old at most if it can be reached. One fetch at a time; others wait for it.
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
                    state.known = Some(Known { metadata: Arc::clone(&metadata), fetched_at: now, keys_at: now });
                    return Ok(metadata);
                }
                Err(error) => (now, super::whole_story(&error)),
            },
        };
        let old = state.known.as_ref().filter(|known| now.duration_since(known.fetched_at) < STALE_FOR_MAX);
        let answer =
            old.map(|known| Arc::clone(&known.metadata)).ok_or_else(|| OidcError::Unavailable(failure.1.clone()));
        state.failed = Some(failure);
        answer
    }

    /// The same with keys fetched again, because a token names one that is not known; `None` when that was done just now.
    pub(super) async fn with_new_keys(
        &self,
        back: &BackChannel,
        now: Timestamp,
    ) -> Result<Option<Arc<Metadata>>, OidcError> {
        let mut state = self.state.lock().await;
        let due = |known: &&mut Known| now.duration_since(known.keys_at) >= KEYS_REFETCH_AFTER;
        let Some(known) = state.known.as_mut().filter(due) else { return Ok(None) };
        known.keys_at = now;
        let keys =
            JsonWebKeySet::fetch_async(known.metadata.jwks_uri(), back).await.map_err(|error| unavailable(&error))?;
        known.metadata = Arc::new(Metadata::clone(&known.metadata).set_jwks(keys));
        Ok(Some(Arc::clone(&known.metadata)))
    }
}
