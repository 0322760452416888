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
    /// Finds or creates the person of this identity; a new person gets `new_id`. The first person ever is ADMIN; if their
    /// issuer is the demo ([`crate::person::DEMO_ISSUER`]), the first person of any other issuer replaces them. Exactly one
    /// person is ADMIN at any time, also after concurrent sign-ins. Name, e-mail and picture are updated; the language is not.
    async fn sign_in(&self, identity: &Identity, new_id: PersonId, now: Timestamp) -> Backend<Person>;
    /// Finds a person.
    async fn find_person(&self, id: PersonId) -> Backend<Option<Person>>;
    /// Changes the language; `None` when there is no such person.
    async fn set_language(&self, id: PersonId, language: Language) -> Backend<Option<Person>>;
}

/// Sessions and sign-in attempts.
#[async_trait]
pub trait Sessions: Send + Sync {
    /// Stores a sign-in attempt until the provider redirects the browser back. Deletes expired attempts.
    async fn begin_sign_in(&self, attempt: &SignInAttempt) -> Backend<()>;
    /// Removes and returns a sign-in attempt, so that it is used once.
    async fn take_sign_in(&self, state: &str) -> Backend<Option<SignInAttempt>>;
    /// Begins a session and writes `event`.
    async fn create_session(&self, session: &Session, event: &Event) -> Backend<()>;
    /// A session with its person, whether the session has expired or not.
    async fn find_session(&self, hash: &SessionHash) -> Backend<Option<(Session, Person)>>;
    /// Moves the time of a session's last request forward, never back.
    async fn touch_session(&self, hash: &SessionHash, seen_at: Timestamp) -> Backend<()>;
    /// Ends a session, and writes `event` if the session existed.
    async fn end_session(&self, hash: &SessionHash, now: Timestamp, event: &Event) -> Backend<()>;
    /// Sessions ended at or after `since`, on any server, oldest first.
    async fn list_ended_since(&self, since: Timestamp, limit: u32) -> Backend<Vec<SessionHash>>;
    /// Deletes expired sessions, and old records of ended ones. Returns the number of expired sessions.
    async fn purge_sessions(&self, now: Timestamp) -> Backend<u64>;
}
