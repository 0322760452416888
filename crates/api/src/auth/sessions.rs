//! From a request to its person, and how servers hear of sessions that ended on another.

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

/// How often the store is asked which sessions have ended.
const FOLLOW_EVERY: Duration = Duration::from_secs(1);
/// An answer that takes longer is none.
const FOLLOW_WITHIN: Duration = Duration::from_secs(5);
/// Endings of the last half minute are read again each time: a server's clock may be behind, and a write slow.
const FOLLOW_OVERLAP: SignedDuration = SignedDuration::from_secs(30);
/// Endings in one answer. If there are more, all sessions at hand are forgotten and looked up anew.
const ENDINGS_MAX: u32 = 10_000;
/// The store may have forgotten endings older than this, so after a longer silence all sessions are looked up anew.
const SILENCE_MAX: SignedDuration = SignedDuration::from_mins(10);
/// Without an answer for so long, a session at hand is no proof any more that nobody signed out.
const FRESH_FOR: SignedDuration = SignedDuration::from_secs(30);
/// Sessions of open sockets that are checked in one round; the others have their turn in the next.
const CHECKS_PER_ROUND_MAX: usize = 2_048;
/// … so many of them at once.
const CHECKS_AT_ONCE_MAX: usize = 64;

/// Whose socket it is, for as long as the session lasts.
#[derive(Debug)]
pub(crate) struct SignedInViewer {
    pub(crate) person: PersonId,
    pub(crate) session: SessionTie,
}

impl Auth {
    /// The person of a request's session.
    ///
    /// # Errors
    /// The session is not at hand and the store does not answer.
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

    /// The same, but a session at hand counts only while the store says every second which ones have ended; else the store
    /// itself is asked.
    ///
    /// # Errors
    /// The store does not answer, and has not for half a minute.
    pub async fn find_fresh_caller(&self, request: &Parts) -> Backend<Option<Arc<Person>>> {
        let Self(inner) = self;
        let silent_ms = inner.ports.clock.now().as_millisecond().saturating_sub(inner.heard_ms.load(Ordering::Acquire));
        if i128::from(silent_ms) <= FRESH_FOR.as_millis() {
            return self.find_caller(request).await;
        }
        let Some(secret) = inner.cookies.find_session(&request.headers) else { return Ok(None) };
        self.read_session(&secrets::hash(secret)).await
    }

    /// The person of the session that a socket is opened with, tied to that session: see [`SessionTie`].
    ///
    /// # Errors
    /// The session is not at hand and the store does not answer.
    pub(crate) async fn find_viewer(&self, request: &Parts) -> Backend<Option<SignedInViewer>> {
        let Self(inner) = self;
        let Some(secret) = inner.cookies.find_session(&request.headers) else { return Ok(None) };
        // Tied before it is looked up: a session that ends in between cuts the tie.
        let Some(session) = inner.open.tie(secrets::hash(secret)) else { return Ok(None) };
        let person = self.find_caller(request).await?;
        Ok(person.map(|person| SignedInViewer { person: person.id, session }))
    }

    /// Changes a person's language, in all their sessions at once.
    pub(super) async fn set_language(&self, person: PersonId, language: Language) -> Backend<Option<Arc<Person>>> {
        let Some(changed) = self.0.ports.people.set_language(person, language).await? else { return Ok(None) };
        let changed = Arc::new(changed);
        self.0.cache.update_person(&changed);
        Ok(Some(changed))
    }

    /// Asks the store every second which sessions have ended and forgets them, until `stop`; then waits for what is being
    /// written beside requests.
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

    /// Hears once which sessions have ended since; when that was, if there was an answer.
    pub(super) async fn hear(&self, heard_at: Option<Timestamp>) -> Option<Timestamp> {
        let Self(inner) = self;
        let now = inner.ports.clock.now();
        let since = heard_at.unwrap_or(now).checked_sub(FOLLOW_OVERLAP).unwrap_or(Timestamp::MIN);
        let asked =
            tokio::time::timeout(FOLLOW_WITHIN, inner.ports.sessions.list_ended_since(since, ENDINGS_MAX)).await;
        let ended = match asked {
            Ok(Ok(ended)) => ended,
            // The store's own health is told by whoever asks it first; here only silence counts.
            Ok(Err(error)) => {
                tracing::debug!(%error, "endings of sessions were not heard");
                return None;
            }
            Err(_) => return None,
        };
        let is_all = ended.len() < ENDINGS_MAX as usize;
        let was_silent = heard_at.is_some_and(|at| now.duration_since(at) > SILENCE_MAX);
        if is_all && !was_silent {
            inner.cache.forget(&ended);
        } else {
            inner.cache.clear();
            inner.open.mark_all_unread();
        }
        inner.open.end(&ended);
        inner.heard_ms.store(now.as_millisecond(), Ordering::Release);
        Some(now)
    }

    /// What the store knows of a session; kept at hand if it is not over. It is over, too, for those who came in by a
    /// provider that is not in the settings any more: the demo's administrator must not go on beside Google's.
    async fn read_session(&self, hash: &SessionHash) -> Backend<Option<Arc<Person>>> {
        let Self(inner) = self;
        let asked = inner.cache.before_asking();
        let found = inner.ports.sessions.find_session(hash).await?;
        let now = inner.ports.clock.now();
        let counts = |session: &Session, person: &Person| !session.is_over(now) && inner.party.vouches_for(person);
        let Some((session, person)) = found.filter(|(session, person)| counts(session, person)) else {
            inner.cache.forget([hash]);
            inner.open.end([hash]);
            return Ok(None);
        };
        let person = Arc::new(person);
        inner.cache.keep(&session, &person, asked, now);
        if now.duration_since(session.seen_at) >= REFRESH_AFTER {
            self.touch_aside(*hash);
        }
        Ok(Some(person))
    }

    /// Ends the ties of sessions that are over by their age, for want of use, or in a way that this server has not heard of.
    async fn check_open_sessions(&self) {
        let Self(inner) = self;
        let due = inner.open.list_due(inner.ports.clock.now().as_millisecond(), CHECKS_PER_ROUND_MAX);
        let checks = async {
            for due in due.chunks(CHECKS_AT_ONCE_MAX) {
                join_all(due.iter().map(|hash| self.check_open_session(hash))).await;
            }
        };
        if tokio::time::timeout(FOLLOW_WITHIN, checks).await.is_err() {
            tracing::debug!("sessions of sockets were not all checked; the next round goes on");
        }
    }

    /// A socket is no use of its session: the session lasts as long as requests keep it.
    async fn check_open_session(&self, hash: &SessionHash) {
        let Self(inner) = self;
        let now = inner.ports.clock.now();
        if let Some(until) = inner.cache.over_at_ms(hash).filter(|until| *until > now.as_millisecond()) {
            return inner.open.keep_until(hash, until);
        }
        match inner.ports.sessions.find_session(hash).await {
            Ok(Some((session, person))) if !session.is_over(now) && inner.party.vouches_for(&person) => {
                let (created, seen) = (session.created_at.as_millisecond(), session.seen_at.as_millisecond());
                inner.open.keep_until(hash, over_at_ms(created, seen));
            }
            Ok(_) => inner.open.end([hash]),
            Err(error) => tracing::debug!(%error, "a socket's session was not checked; it is tried again"),
        }
    }

    fn touch_aside(&self, hash: SessionHash) {
        let auth = self.clone();
        self.do_aside(async move { auth.touch(&hash).await });
    }

    /// Tells the store that the session is in use, and reads what has changed about its person.
    fn refresh_aside(&self, hash: SessionHash) {
        let auth = self.clone();
        self.do_aside(async move {
            auth.touch(&hash).await;
            if let Err(error) = auth.read_session(&hash).await {
                tracing::debug!(%error, "a session was not read again");
            }
        });
    }

    async fn touch(&self, hash: &SessionHash) {
        let now = self.0.ports.clock.now();
        if let Err(error) = self.0.ports.sessions.touch_session(hash, now).await {
            tracing::debug!(%error, "the store was not told that a session is in use");
        }
    }
}
