//! People, and what a signed-in browser proves.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::ids::PersonId;

/// A session ends after so long without a request.
pub const SESSION_IDLE_MAX: SignedDuration = SignedDuration::from_hours(12);
/// A session ends after so long, whatever happens.
pub const SESSION_AGE_MAX: SignedDuration = SignedDuration::from_hours(30 * 24);
/// A sign-in must come back from the provider within this time.
pub const SIGN_IN_FOR_MAX: SignedDuration = SignedDuration::from_mins(10);

/// What somebody may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Role {
    /// Everything.
    Admin,
    /// Buy tickets.
    User,
}

impl Role {
    /// Its name on the wire and in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "ADMIN",
            Self::User => "USER",
        }
    }
}

/// A language of the page and of mails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// Thai.
    Th,
    /// English.
    En,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Th, Self::En];

    /// Its tag.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Th => "th",
            Self::En => "en",
        }
    }

    /// The language of this tag.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.as_str() == text)
    }
}

/// The issuer of everybody who signed in with the built-in demo, at whatever address it ran: there anybody can be anybody.
pub const DEMO_ISSUER: &str = "demo";

/// What an identity provider says of somebody. A person is an issuer and a subject, never an e-mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Who says so; [`DEMO_ISSUER`] for the built-in demo.
    pub issuer: String,
    /// Who it is, for that issuer.
    pub subject: String,
    /// A name to show.
    pub name: String,
    /// Where mails go.
    pub email: String,
    /// A picture.
    pub picture_url: Option<String>,
    /// The browser's first language at sign-in; used when the person is new.
    pub language: Language,
}

impl Identity {
    /// Whether it proves nothing, because it is the demo's.
    #[must_use]
    pub fn is_demo(&self) -> bool {
        self.issuer == DEMO_ISSUER
    }
}

/// Somebody who has signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Their id.
    pub id: PersonId,
    /// Who said so. Their sessions count only while this is with whom people sign in.
    pub issuer: String,
    /// A name to show.
    pub name: String,
    /// Where mails go.
    pub email: String,
    /// A picture.
    pub picture_url: Option<String>,
    /// What they may do.
    pub role: Role,
    /// In which language they read.
    pub language: Language,
}

/// The SHA-256 of a session's token: a stolen store opens no session.
pub type SessionHash = [u8; 32];

/// A session as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The hash of its token.
    pub hash: SessionHash,
    /// Whose.
    pub person_id: PersonId,
    /// When it began.
    pub created_at: Timestamp,
    /// The last request, to the minute.
    pub seen_at: Timestamp,
}

impl Session {
    /// Whether it is over.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        now.duration_since(self.seen_at) >= SESSION_IDLE_MAX || now.duration_since(self.created_at) >= SESSION_AGE_MAX
    }
}

/// A sign-in on its way through the provider; used once, bound to one browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignInAttempt {
    /// The `state` parameter.
    pub state: String,
    /// The hash of the secret in the browser's cookie.
    pub browser_hash: [u8; 32],
    /// The ID token's nonce.
    pub nonce: String,
    /// The PKCE verifier.
    pub pkce_verifier: String,
    /// Where to go afterwards.
    pub return_to: String,
    /// When it began.
    pub created_at: Timestamp,
}
