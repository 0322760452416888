//! Persons and their sessions.

use async_trait::async_trait;
use jiff::Timestamp;

use super::Backend;
use crate::{
    event::Event,
    ids::PersonId,
    person::{Identity, Language, Person, Session, SessionHash, SignInAttempt},
};

/// Persons (user accounts).
#[async_trait]
pub trait People: Send + Sync {
    /// Finds or creates the person of this identity; a new person gets `new_id`. The first person ever is ADMIN. If
    /// that person's issuer is the demo ([`crate::person::DEMO_ISSUER`]), the first person of any other issuer becomes
    /// ADMIN in their place. Exactly one person is ADMIN, also after concurrent sign-ins. Name, e-mail and picture are
    /// updated; the language is not.
    async fn sign_in(&self, identity: &Identity, new_id: PersonId, now: Timestamp) -> Backend<Person>;
    /// Finds a person.
    async fn find_person(&self, id: PersonId) -> Backend<Option<Person>>;
    /// Changes a person's language; `None` when there is no such person.
    async fn set_language(&self, id: PersonId, language: Language) -> Backend<Option<Person>>;
}

/// Sessions and sign-in attempts.
#[async_trait]
pub trait Sessions: Send + Sync {
    /// Stores a sign-in attempt until the identity provider redirects the browser back. Deletes expired attempts.
    async fn begin_sign_in(&self, attempt: &SignInAttempt) -> Backend<()>;
    /// Removes and returns a sign-in attempt, so that each attempt is used at most once.
    async fn take_sign_in(&self, state: &str) -> Backend<Option<SignInAttempt>>;
    /// Stores a new session, and `event` for the audit log.
    async fn create_session(&self, session: &Session, event: &Event) -> Backend<()>;
    /// A session with its person. An expired session is returned, too; the caller checks it.
    async fn find_session(&self, hash: &SessionHash) -> Backend<Option<(Session, Person)>>;
    /// Sets the time of a session's last request to `seen_at`, unless a later time is stored.
    async fn touch_session(&self, hash: &SessionHash, seen_at: Timestamp) -> Backend<()>;
    /// Ends a session, and writes `event` if the session existed.
    async fn end_session(&self, hash: &SessionHash, now: Timestamp, event: &Event) -> Backend<()>;
    /// Sessions that ended at or after `since`, on any server, oldest first.
    async fn list_ended_since(&self, since: Timestamp, limit: u32) -> Backend<Vec<SessionHash>>;
    /// Deletes expired sessions, and old records of ended sessions. Returns the number of expired sessions.
    async fn purge_sessions(&self, now: Timestamp) -> Backend<u64>;
}
