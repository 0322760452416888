//! Persons and their sessions.

use async_trait::async_trait;
use jiff::Timestamp;

use super::Backend;
use crate::{
    email::EmailKey,
    event::Event,
    ids::PersonId,
    person::{FirstAdmin, Identity, Language, Person, Session, SessionHash, SignInAttempt},
};

/// A sign-in that the identity provider has confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfirmedSignIn {
    /// What the provider asserts.
    pub identity: Identity,
    /// The id of the person, if the person is new.
    pub new_id: PersonId,
    /// Whether the person may become the first administrator.
    pub first_admin: FirstAdmin,
    /// The audit event that is written, with the person as its actor, if the person becomes ADMIN; its detail [`DEMOTED`]
    /// lists who loses the role. The event of the sign-in shows the role, too, but the audit log deletes it after a time.
    pub on_promotion: Event,
}

/// An operator's request to make a person ADMIN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddAdmin {
    /// The issuer of the configured identity provider.
    pub issuer: String,
    /// The person's verified e-mail address.
    pub email: EmailKey,
    /// The audit event that is written if a person's role changes now; its detail [`DEMOTED`] lists who loses the role.
    pub event: Event,
}

/// The detail of the event of a promotion with the ids of the administrators of the demo who lose the role by it. Left out
/// if there are none.
pub const DEMOTED: &str = "demoted";

/// The outcome of [`People::add_admin`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddAdminOutcome {
    /// This person is ADMIN now.
    Added(Person),
    /// This person was ADMIN before.
    WasAdmin(Person),
    /// Nobody with this address has signed in yet. The first person who signs in at that issuer with the address verified
    /// becomes ADMIN.
    Remembered,
    /// These people have the address, but not exactly one of them is of that issuer and has it verified.
    NotOne(Vec<Person>),
}

/// The most people that [`AddAdminOutcome::NotOne`] lists, because an operator does not read more. The search for the one
/// person is not limited.
pub const NAMESAKES_MAX: usize = 100;

/// Persons (user accounts).
#[async_trait]
pub trait People: Send + Sync {
    /// Finds or creates the person of this identity; a new person gets `new_id`. Name, e-mail and picture are updated;
    /// the language is not.
    ///
    /// The first administrator is chosen by the rule [`FirstAdmin`]: exactly one, also after concurrent sign-ins. If
    /// that person's issuer is the demo ([`crate::person::DEMO_ISSUER`]), the first administrator of any other issuer
    /// replaces all administrators of the demo, whose ids are in the event of the promotion. A person whose address
    /// [`Self::add_admin`] has remembered becomes ADMIN, too.
    async fn sign_in(&self, sign_in: &ConfirmedSignIn, now: Timestamp) -> Backend<Person>;
    /// Makes the one person of this issuer with this verified address ADMIN, or remembers the address if nobody with it
    /// has signed in. In a race with the first sign-in of that address, the person may become ADMIN only at the next
    /// sign-in.
    async fn add_admin(&self, request: &AddAdmin, now: Timestamp) -> Backend<AddAdminOutcome>;
    /// People whose role changed at or after `since`, on any server or by a command.
    async fn list_role_changes_since(&self, since: Timestamp, limit: u32) -> Backend<Vec<PersonId>>;
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
