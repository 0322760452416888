//! People and their sessions.

use async_trait::async_trait;
use jiff::Timestamp;

use super::Backend;
use crate::{
    event::Event,
    ids::PersonId,
    person::{Identity, Language, Person, Session, SessionHash, SignInAttempt},
};

/// People.
#[async_trait]
pub trait People: Send + Sync {
    /// Finds or creates the person of this identity. The first person ever is ADMIN; if that was somebody of the demo
    /// ([`crate::person::DEMO_ISSUER`]), the first of any other issuer is ADMIN in their place. Exactly one at any time,
    /// however many arrive at once. `new_id` is theirs if they are new. Name, e-mail and picture are brought up to date;
    /// the language is not.
    async fn sign_in(&self, identity: &Identity, new_id: PersonId, now: Timestamp) -> Backend<Person>;
    /// A person.
    async fn find_person(&self, id: PersonId) -> Backend<Option<Person>>;
    /// Changes the language; `None` when there is no such person.
    async fn set_language(&self, id: PersonId, language: Language) -> Backend<Option<Person>>;
}

/// Sessions and sign-ins on their way.
#[async_trait]
pub trait Sessions: Send + Sync {
    /// Keeps a sign-in until the provider sends the browser back. Forgets those that are too old.
    async fn begin_sign_in(&self, attempt: &SignInAttempt) -> Backend<()>;
    /// Takes a sign-in away: it can be used once.
    async fn take_sign_in(&self, state: &str) -> Backend<Option<SignInAttempt>>;
    /// Begins a session, telling `event`.
    async fn create_session(&self, session: &Session, event: &Event) -> Backend<()>;
    /// A session with its person, over or not.
    async fn find_session(&self, hash: &SessionHash) -> Backend<Option<(Session, Person)>>;
    /// Moves the last request of a session forward.
    async fn touch_session(&self, hash: &SessionHash, seen_at: Timestamp) -> Backend<()>;
    /// Ends a session, telling `event` if it was there.
    async fn end_session(&self, hash: &SessionHash, now: Timestamp, event: &Event) -> Backend<()>;
    /// Sessions ended since `since`, on whichever server.
    async fn list_ended_since(&self, since: Timestamp, limit: u32) -> Backend<Vec<SessionHash>>;
    /// Deletes sessions that are over and forgets old endings.
    async fn purge_sessions(&self, now: Timestamp) -> Backend<u64>;
}
