//! Finds the person of a request's session, and polls the store for sessions that ended, and roles that changed, on
//! other servers or by a command.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use axum::http::request::Parts;
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use seatkeeper_core::{
    ids::PersonId,
    person::{Language, Person, Session, SessionHash},
    ports::Backend,
};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::{
    Auth,
    open_sessions::SessionTie,
    secrets,
    session_cache::{REFRESH_AFTER, over_at_ms},
};

/// Interval of the polls for ended sessions.
const FOLLOW_EVERY: Duration = Duration::from_secs(1);
/// Timeout of one poll for ended sessions, and of one round of checks of the sessions of open sockets.
const FOLLOW_WITHIN: Duration = Duration::from_secs(5);
/// Each poll reads the ended sessions of this long before the previous poll again: another server's clock may be
/// behind, and its write slow.
const FOLLOW_OVERLAP: SignedDuration = SignedDuration::from_secs(30);
/// Maximum number of ended sessions read per poll. If there are more, the whole cache of sessions is invalidated.
const ENDINGS_MAX: u32 = 10_000;
/// Maximum number of people with changed roles read per poll. If there are more, the whole cache is invalidated.
const ROLE_CHANGES_MAX: u32 = 1_000;
/// After a longer time without a successful poll, the whole cache of sessions is invalidated: the store may have purged
/// sessions that ended meanwhile, so that the next poll would miss them.
const SILENCE_MAX: SignedDuration = SignedDuration::from_mins(10);
/// After a longer time without a successful poll, a cached session no longer proves that its person has not signed out.
const FRESH_FOR: SignedDuration = SignedDuration::from_secs(30);
/// Maximum number of sessions of open sockets checked per round; the others are checked in the next rounds.
const CHECKS_PER_ROUND_MAX: usize = 2_048;
/// Maximum number of concurrent checks of sessions of open sockets.
const CHECKS_AT_ONCE_MAX: usize = 64;

/// The person of a socket, and the tie to the session that the socket was opened with.
#[derive(Debug)]
pub(crate) struct SignedInViewer {
    pub(crate) person: PersonId,
    pub(crate) session: SessionTie,
}

impl Auth {
    /// Finds the person of a request's session.
    ///
    /// # Errors
    /// The session is not cached and the store does not answer.
    pub async fn find_caller(&self, request: &Parts) -> Backend<Option<Arc<Person>>> {
        let Self(inner) = self;
        let Some(secret) = inner.cookies.find_session(&request.headers) else { return Ok(None) };
        let hash = secrets::hash(secret);
        if let Some(found) = inner.cache.find(&hash, inner.ports.clock.now()) {
            if found.is_refresh_due {
                self.refresh_aside(hash);
            }
            return Ok(Some(found.person));
        }
        self.read_session(&hash).await
    }

    /// Finds the person of a request's session. Unlike [`Self::find_caller`] it uses a cached session only if a poll
    /// for ended sessions succeeded in the last half minute; otherwise the session is read from the store.
    ///
    /// # Errors
    /// No poll succeeded in the last half minute, or the session is not cached; and reading it from the store failed.
    pub async fn find_fresh_caller(&self, request: &Parts) -> Backend<Option<Arc<Person>>> {
        let Self(inner) = self;
        let silent_ms = inner.ports.clock.now().as_millisecond().saturating_sub(inner.heard_ms.load(Ordering::Acquire));
        if i128::from(silent_ms) <= FRESH_FOR.as_millis() {
            return self.find_caller(request).await;
        }
        let Some(secret) = inner.cookies.find_session(&request.headers) else { return Ok(None) };
        self.read_session(&secrets::hash(secret)).await
    }

    /// Finds the person of the session that a socket is opened with, and ties the socket to that session: see
    /// [`SessionTie`].
    ///
    /// # Errors
    /// The session is not cached and the store does not answer.
    pub(crate) async fn find_viewer(&self, request: &Parts) -> Backend<Option<SignedInViewer>> {
        let Self(inner) = self;
        let Some(secret) = inner.cookies.find_session(&request.headers) else { return Ok(None) };
        // Tie first, then look up: if the session ends in between, the tie is cut.
        let Some(session) = inner.open.tie(secrets::hash(secret)) else { return Ok(None) };
        let person = self.find_caller(request).await?;
        Ok(person.map(|person| SignedInViewer { person: person.id, session }))
    }

    /// Changes a person's language, in the store and in all cached sessions.
    pub(super) async fn set_language(&self, person: PersonId, language: Language) -> Backend<Option<Arc<Person>>> {
        let Some(changed) = self.0.ports.people.set_language(person, language).await? else { return Ok(None) };
        let changed = Arc::new(changed);
        self.0.cache.update_person(&changed);
        Ok(Some(changed))
    }

    /// Polls the store every second for ended sessions and changed roles and removes them from the cache, until `stop`;
    /// then drains the background writes.
    pub async fn follow_store(&self, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(FOLLOW_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard_at = None;
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            let Some(heard) = stop.run_until_cancelled(self.hear(heard_at)).await else { break };
            heard_at = heard.or(heard_at);
            if heard.is_some() {
                let _: Option<()> = stop.run_until_cancelled(self.check_open_sessions()).await;
            }
        }
        self.0.aside.close();
        self.0.aside.wait().await;
    }

    /// Polls once for sessions that ended, and roles that changed, since `heard_at`; returns the time of the poll if it
    /// succeeded.
    pub(super) async fn hear(&self, heard_at: Option<Timestamp>) -> Option<Timestamp> {
        let Self(inner) = self;
        let now = inner.ports.clock.now();
        let since = heard_at.unwrap_or(now).checked_sub(FOLLOW_OVERLAP).unwrap_or(Timestamp::MIN);
        let polls = async {
            tokio::try_join!(
                inner.ports.sessions.list_ended_since(since, ENDINGS_MAX),
                inner.ports.people.list_role_changes_since(since, ROLE_CHANGES_MAX),
            )
        };
        let (ended, promoted) = match tokio::time::timeout(FOLLOW_WITHIN, polls).await {
            Ok(Ok(heard)) => heard,
            // Only `debug`: requests report an unavailable store, and `find_fresh_caller` handles missing polls.
            Ok(Err(error)) => {
                tracing::debug!(%error, "polling for ended sessions failed; retrying every second");
                return None;
            }
            Err(_) => {
                tracing::debug!("polling for ended sessions timed out; retrying every second");
                return None;
            }
        };
        let is_all = ended.len() < ENDINGS_MAX as usize && promoted.len() < ROLE_CHANGES_MAX as usize;
        let was_silent = heard_at.is_some_and(|at| now.duration_since(at) > SILENCE_MAX);
        if is_all && !was_silent {
            inner.cache.remove(&ended);
            inner.cache.forget_people(&promoted);
        } else {
            inner.cache.clear();
            inner.open.mark_all_unread();
        }
        inner.open.end(&ended);
        inner.heard_ms.store(now.as_millisecond(), Ordering::Release);
        Some(now)
    }

    /// Reads a session from the store, and caches it if it is valid. Sessions of people from an identity provider that
    /// is not in the settings any more are invalid: the administrator of the demo must not stay administrator when
    /// Google is configured.
    async fn read_session(&self, hash: &SessionHash) -> Backend<Option<Arc<Person>>> {
        let Self(inner) = self;
        let version = inner.cache.version();
        let found = inner.ports.sessions.find_session(hash).await?;
        let now = inner.ports.clock.now();
        let counts = |session: &Session, person: &Person| !session.is_over(now) && inner.party.vouches_for(person);
        let Some((session, person)) = found.filter(|(session, person)| counts(session, person)) else {
            inner.cache.remove([hash]);
            inner.open.end([hash]);
            return Ok(None);
        };
        let person = Arc::new(person);
        inner.cache.insert(&session, &person, version, now);
        if now.duration_since(session.seen_at) >= REFRESH_AFTER {
            self.touch_aside(*hash, now);
        }
        Ok(Some(person))
    }

    /// Checks the sessions of open sockets with the store: cuts the ties of sessions that have expired by age or
    /// idleness, or whose end this server's polls have missed.
    async fn check_open_sessions(&self) {
        let Self(inner) = self;
        let due = inner.open.list_due(inner.ports.clock.now().as_millisecond(), CHECKS_PER_ROUND_MAX);
        let checks = async {
            for due in due.chunks(CHECKS_AT_ONCE_MAX) {
                join_all(due.iter().map(|hash| self.check_open_session(hash))).await;
            }
        };
        if tokio::time::timeout(FOLLOW_WITHIN, checks).await.is_err() {
            tracing::debug!("checking the sessions of sockets timed out; the next round continues");
        }
    }

    /// Checks one session of open sockets with the store. An open socket does not count as use of its session: only
    /// requests extend it.
    async fn check_open_session(&self, hash: &SessionHash) {
        let Self(inner) = self;
        let now = inner.ports.clock.now();
        if let Some(until) = inner.cache.over_at_ms(hash).filter(|until| *until > now.as_millisecond()) {
            return inner.open.set_expiry(hash, until);
        }
        match inner.ports.sessions.find_session(hash).await {
            Ok(Some((session, person))) if !session.is_over(now) && inner.party.vouches_for(&person) => {
                let (created, seen) = (session.created_at.as_millisecond(), session.seen_at.as_millisecond());
                inner.open.set_expiry(hash, over_at_ms(created, seen));
            }
            Ok(_) => inner.open.end([hash]),
            Err(error) => tracing::debug!(%error, "checking a socket's session failed; the next round retries"),
        }
    }

    fn touch_aside(&self, hash: SessionHash, now: Timestamp) {
        let auth = self.clone();
        self.do_aside(async move { auth.touch(&hash, now).await });
    }

    /// In the background, records the use of a session in the store and reads its person again.
    fn refresh_aside(&self, hash: SessionHash) {
        let (auth, now) = (self.clone(), self.0.ports.clock.now());
        self.do_aside(async move {
            auth.touch(&hash, now).await;
            if let Err(error) = auth.read_session(&hash).await {
                tracing::debug!(%error, "refreshing a cached session failed; a later request retries");
            }
        });
    }

    /// Records that the session was used at `now`, the time of the request.
    async fn touch(&self, hash: &SessionHash, now: Timestamp) {
        if let Err(error) = self.0.ports.sessions.touch_session(hash, now).await {
            tracing::debug!(%error, "recording the use of a session failed; a later request retries");
        }
    }
}
