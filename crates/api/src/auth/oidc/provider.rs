//! Cache of the identity provider's discovery document and keys, fetched when first needed.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

use super::{back_channel::BackChannel, discovery::Metadata, error::OidcError};

/// A cached discovery document and keys older than this are fetched again at the next sign-in.
const FRESH_FOR: SignedDuration = SignedDuration::from_hours(1);
/// If that fetch fails, the cached document and keys are used up to this age. The age is limited because a key that the
/// provider has revoked must not be accepted for ever.
const STALE_FOR_MAX: SignedDuration = SignedDuration::from_hours(24);
/// Minimum time between two fetches of keys because of signatures that no key verifies: each costs the provider a
/// request, and the person who signs in waits for it.
const KEYS_REFETCH_AFTER: SignedDuration = SignedDuration::from_mins(1);
/// Minimum time before a failed fetch is retried; meanwhile callers get the same error at once.
const RETRY_AFTER: SignedDuration = SignedDuration::from_secs(2);

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
    /// When the keys were last fetched because of a signature.
    renewed_at: Option<Timestamp>,
}

impl Provider {
    /// Returns the discovery document and keys, at most an hour old if the provider is reachable. Concurrent callers
    /// share one fetch.
    pub(super) async fn metadata(
        &self,
        issuer: &str,
        back: &BackChannel,
        now: Timestamp,
    ) -> Result<Arc<Metadata>, OidcError> {
        let mut state = self.state.lock().await;
        if let Some(known) = state.known.as_ref().filter(|known| now.duration_since(known.fetched_at) < FRESH_FOR) {
            return Ok(Arc::clone(&known.metadata));
        }
        let failure = match state.failed.take().filter(|(at, _)| now.duration_since(*at) < RETRY_AFTER) {
            Some(failed) => failed,
            None => match Metadata::fetch(issuer, back).await {
                Ok(metadata) => {
                    let metadata = Arc::new(metadata);
                    let renewed_at = state.known.as_ref().and_then(|known| known.renewed_at);
                    state.known = Some(CachedMetadata { metadata: Arc::clone(&metadata), fetched_at: now, renewed_at });
                    return Ok(metadata);
                }
                Err(OidcError::Unavailable(why) | OidcError::Refused(why)) => (now, why),
                Err(error @ OidcError::NoEmail) => (now, error.to_string()),
            },
        };
        let old = state.known.as_ref().filter(|known| now.duration_since(known.fetched_at) < STALE_FOR_MAX);
        let answer =
            old.map(|known| Arc::clone(&known.metadata)).ok_or_else(|| OidcError::Unavailable(failure.1.clone()));
        state.failed = Some(failure);
        answer
    }

    /// Other keys than those of `tried`, which did not verify a signature: those that another sign-in has fetched
    /// meanwhile, else newly fetched ones; `None` if they were fetched less than a minute ago.
    pub(super) async fn with_new_keys(
        &self,
        tried: &Arc<Metadata>,
        back: &BackChannel,
        now: Timestamp,
    ) -> Result<Option<Arc<Metadata>>, OidcError> {
        let mut state = self.state.lock().await;
        let Some(known) = state.known.as_mut() else { return Ok(None) };
        if !Arc::ptr_eq(&known.metadata, tried) {
            return Ok(Some(Arc::clone(&known.metadata)));
        }
        if known.renewed_at.is_some_and(|at| now.duration_since(at) < KEYS_REFETCH_AFTER) {
            return Ok(None);
        }
        known.renewed_at = Some(now);
        known.metadata = Arc::new(known.metadata.with_new_keys(back).await?);
        Ok(Some(Arc::clone(&known.metadata)))
    }
}
