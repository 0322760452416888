//! Cache of the identity provider's discovery document and keys, fetched when first needed.
//!
//! A fetch runs in a task of its own, which all sign-ins that need it share. It is bounded in time, and its result,
//! also a failure, is recorded even if the sign-in that started it has been cancelled.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use seatkeeper_core::ports::Clock;
use tokio_util::task::AbortOnDropHandle;

use super::{back_channel::BackChannel, discovery::Metadata, error::OidcError};

/// A cached discovery document and keys older than this are fetched again at the next sign-in, which does not wait for
/// them.
const FRESH_FOR: SignedDuration = SignedDuration::from_hours(1);
/// While that fetch runs or fails, the cached document and keys are used up to this age. The age is limited because a
/// key that the provider has revoked must not be accepted for ever.
const STALE_FOR_MAX: SignedDuration = SignedDuration::from_hours(24);
/// Minimum time between two fetches of keys because of signatures that no key verifies: each costs the provider a
/// request, and the person who signs in waits for it.
const KEYS_REFETCH_AFTER: SignedDuration = SignedDuration::from_mins(1);
/// Minimum time between the end of a failed fetch and the next one; meanwhile callers get the same error at once.
const RETRY_AFTER: SignedDuration = SignedDuration::from_secs(2);
/// Timeout of a whole fetch: the document and the keys. With a call of the token endpoint, which may take as long, it
/// is below the timeout of a request to this server, so that the person gets the sign-in page with the reason.
const FETCH_FOR_MAX: Duration = Duration::from_secs(8);

/// The result of a fetch, or why it failed.
type Fetched = Result<Arc<Metadata>, String>;
/// A running fetch, shared by all callers that wait for it.
type Fetch = Shared<BoxFuture<'static, Fetched>>;

/// Cache of the metadata of one identity provider. Dropping it stops the running fetches.
pub(super) struct Provider {
    source: Arc<Source>,
    state: Arc<Mutex<State>>,
}

/// What a fetch needs.
struct Source {
    issuer: String,
    back: Arc<BackChannel>,
    clock: Arc<dyn Clock>,
}

#[derive(Default)]
struct State {
    known: Option<CachedMetadata>,
    /// The last fetch of the document, if it failed: when, and why.
    failed: Option<(Timestamp, String)>,
    /// The last fetch of keys because of a signature: when it ended, and why it failed, if it did.
    renewed: Option<(Timestamp, Option<String>)>,
    /// The running fetch of document and keys.
    fetch: Option<Fetch>,
    /// The running fetch of keys because of a signature.
    renewal: Option<Fetch>,
}

struct CachedMetadata {
    metadata: Arc<Metadata>,
    fetched_at: Timestamp,
}

impl Provider {
    pub(super) fn new(issuer: String, back: Arc<BackChannel>, clock: Arc<dyn Clock>) -> Self {
        Self { source: Arc::new(Source { issuer, back, clock }), state: Arc::default() }
    }

    /// Returns the discovery document and keys. If they are older than an hour, they are fetched again. The caller
    /// waits for that fetch only if nothing is cached or the cached ones are too old to be used.
    pub(super) async fn metadata(&self) -> Result<Arc<Metadata>, OidcError> {
        let fetch = {
            let mut state = self.state.lock();
            let now = self.source.clock.now();
            let known = state.known.as_ref().map(|known| (Arc::clone(&known.metadata), known.age(now)));
            match known {
                Some((metadata, age)) if age < FRESH_FOR => return Ok(metadata),
                Some((metadata, age)) if age < STALE_FOR_MAX => {
                    // The fetch runs in the background. Its result is cached for the next caller.
                    drop(self.fetch(&mut state, now));
                    return Ok(metadata);
                }
                Some(_) | None => self.fetch(&mut state, now)?,
            }
        };
        fetch.await.map_err(OidcError::Unavailable)
    }

    /// Other keys than those of `tried`, which did not verify a signature: those that another sign-in has fetched
    /// meanwhile, else newly fetched ones; `None` if they were fetched less than a minute ago.
    pub(super) async fn with_new_keys(&self, tried: &Arc<Metadata>) -> Result<Option<Arc<Metadata>>, OidcError> {
        let renewal = {
            let mut state = self.state.lock();
            match &state.known {
                None => return Ok(None),
                Some(known) if !Arc::ptr_eq(&known.metadata, tried) => return Ok(Some(Arc::clone(&known.metadata))),
                Some(_) => {}
            }
            match self.renewal(&mut state, tried)? {
                Some(renewal) => renewal,
                None => return Ok(None),
            }
        };
        renewal.await.map(Some).map_err(OidcError::Unavailable)
    }

    /// Returns the running fetch of document and keys, or starts one. Fails without a fetch if the last one failed less
    /// than [`RETRY_AFTER`] ago.
    fn fetch(&self, state: &mut State, now: Timestamp) -> Result<Fetch, OidcError> {
        if let Some(running) = &state.fetch {
            return Ok(running.clone());
        }
        if let Some((_, why)) = state.failed.as_ref().filter(|(at, _)| now.duration_since(*at) < RETRY_AFTER) {
            return Err(OidcError::Unavailable(why.clone()));
        }
        let (source, cache) = (Arc::clone(&self.source), Arc::downgrade(&self.state));
        let fetch = started(async move {
            let fetched = bounded(Metadata::fetch(&source.issuer, &source.back)).await;
            // The cache is gone if the server has stopped.
            if let Some(cache) = cache.upgrade() {
                cache.lock().end_fetch(&fetched, source.clock.now());
            }
            fetched
        });
        state.fetch = Some(fetch.clone());
        Ok(fetch)
    }

    /// Returns the running fetch of keys, or starts one. If the last one ended less than [`KEYS_REFETCH_AFTER`] ago,
    /// none is started: returns `None` if that one succeeded, else its error.
    fn renewal(&self, state: &mut State, tried: &Arc<Metadata>) -> Result<Option<Fetch>, OidcError> {
        if let Some(running) = &state.renewal {
            return Ok(Some(running.clone()));
        }
        let now = self.source.clock.now();
        if let Some((_, failure)) =
            state.renewed.as_ref().filter(|(at, _)| now.duration_since(*at) < KEYS_REFETCH_AFTER)
        {
            return failure.as_ref().map_or(Ok(None), |why| Err(OidcError::Unavailable(why.clone())));
        }
        let (source, cache, tried) = (Arc::clone(&self.source), Arc::downgrade(&self.state), Arc::clone(tried));
        let renewal = started(async move {
            let fetched = bounded(tried.with_new_keys(&source.back)).await;
            // The cache is gone if the server has stopped.
            if let Some(cache) = cache.upgrade() {
                cache.lock().end_renewal(&tried, &fetched, source.clock.now());
            }
            fetched
        });
        state.renewal = Some(renewal.clone());
        Ok(Some(renewal))
    }
}

impl State {
    fn end_fetch(&mut self, fetched: &Fetched, now: Timestamp) {
        self.fetch = None;
        match fetched {
            Ok(metadata) => {
                self.failed = None;
                self.known = Some(CachedMetadata { metadata: Arc::clone(metadata), fetched_at: now });
            }
            Err(why) => {
                if self.known.is_some() {
                    // A sign-in that waits for the fetch logs the failure itself; one with cached keys does not.
                    tracing::warn!(%why, "refreshing the identity provider's keys failed; cached ones are used for a day");
                }
                self.failed = Some((now, why.clone()));
            }
        }
    }

    fn end_renewal(&mut self, tried: &Arc<Metadata>, fetched: &Fetched, now: Timestamp) {
        self.renewal = None;
        self.renewed = Some((now, fetched.as_ref().err().cloned()));
        // A document that was fetched meanwhile has its own keys, so it is not replaced.
        if let (Ok(metadata), Some(known)) = (fetched, &mut self.known)
            && Arc::ptr_eq(&known.metadata, tried)
        {
            known.metadata = Arc::clone(metadata);
        }
    }
}

impl CachedMetadata {
    fn age(&self, now: Timestamp) -> SignedDuration {
        now.duration_since(self.fetched_at)
    }
}

/// Runs a fetch in a task, which continues when all callers are cancelled. Dropping the last clone of the result aborts
/// the task. The cache has a clone until the fetch has ended.
fn started(work: impl Future<Output = Fetched> + Send + 'static) -> Fetch {
    let task = AbortOnDropHandle::new(tokio::spawn(work));
    async move { task.await.unwrap_or_else(|error| Err(error.to_string())) }.boxed().shared()
}

/// Bounds a fetch in time. A panic is a failure, too, so that it is recorded and the next fetch can start.
async fn bounded(work: impl Future<Output = Result<Metadata, OidcError>>) -> Fetched {
    match AssertUnwindSafe(tokio::time::timeout(FETCH_FOR_MAX, work)).catch_unwind().await {
        Ok(Ok(Ok(metadata))) => Ok(Arc::new(metadata)),
        Ok(Ok(Err(OidcError::Unavailable(why) | OidcError::Refused(why)))) => Err(why),
        Ok(Ok(Err(error @ OidcError::NoEmail))) => Err(error.to_string()),
        Ok(Err(_)) => Err(format!("no answer within {} s", FETCH_FOR_MAX.as_secs())),
        Err(_) => Err("the fetch panicked".to_owned()),
    }
}

#[cfg(test)]
#[path = "provider_tests.rs"]
mod tests;
