//! Persons, identities, sessions and sign-in attempts.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use strum::{AsRefStr, EnumString, VariantArray, VariantNames};

use crate::{email::EmailKey, ids::PersonId};

/// How long a session lasts without a request.
pub const SESSION_IDLE_MAX: SignedDuration = SignedDuration::from_hours(12);
/// How long a session lasts at most.
pub const SESSION_AGE_MAX: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How long a sign-in attempt may take until the identity provider redirects the browser back.
pub const SIGN_IN_FOR_MAX: SignedDuration = SignedDuration::from_mins(10);

/// The role of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, AsRefStr, EnumString, VariantNames)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum Role {
    /// May do everything.
    Admin,
    /// May buy seats.
    User,
}

impl Role {
    /// Whether the person works for the cinema. The limits against hoarding do not apply to staff.
    #[must_use]
    pub const fn is_staff(self) -> bool {
        match self {
            Self::Admin => true,
            Self::User => false,
        }
    }
}

/// A language of the page and of mails.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, AsRefStr, EnumString, VariantArray, VariantNames,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Language {
    /// Thai.
    Th,
    /// English.
    En,
}

impl Language {
    /// All values.
    pub const ALL: &'static [Self] = <Self as VariantArray>::VARIANTS;
}

/// The issuer of everybody who signed in with the built-in demo, at any address. A demo sign-in proves nothing.
pub const DEMO_ISSUER: &str = "demo";

/// What an identity provider asserts about somebody. Issuer and subject identify a person; the e-mail address does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The identity provider; [`DEMO_ISSUER`] for the built-in demo.
    pub issuer: String,
    /// The issuer's id of the person.
    pub subject: String,
    /// The display name.
    pub name: String,
    /// The e-mail address.
    pub email: String,
    /// Whether the provider states that it has verified the address.
    pub is_email_verified: bool,
    /// The address of a picture.
    pub picture_url: Option<String>,
    /// The browser's first language at sign-in; used when the person is new.
    pub language: Language,
}

impl Identity {
    /// Whether the identity is from the built-in demo, which does not authenticate people.
    #[must_use]
    pub fn is_demo(&self) -> bool {
        self.issuer == DEMO_ISSUER
    }

    /// The e-mail address, if the provider has verified it.
    #[must_use]
    pub fn verified_email(&self) -> Option<EmailKey> {
        EmailKey::parse(&self.email).filter(|_| self.is_email_verified)
    }
}

/// Whether the person who signs in may become the first administrator. A person of the demo
/// ([`DEMO_ISSUER`]) never does after a person of a real provider has signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstAdmin {
    /// Without the setting `admin_email`: if this is the first person ever.
    FirstPerson,
    /// With the setting, for the verified owner of that address: if nobody is administrator.
    NamedBySetting,
    /// With the setting, for everybody else: no.
    SomebodyElse,
}

impl FirstAdmin {
    /// The rule for this identity; `admin_email` is the setting.
    #[must_use]
    pub fn of(admin_email: Option<&EmailKey>, identity: &Identity) -> Self {
        match admin_email {
            None => Self::FirstPerson,
            Some(named) if identity.verified_email().as_ref() == Some(named) => Self::NamedBySetting,
            Some(_) => Self::SomebodyElse,
        }
    }
}

/// A person (user account).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Id of the person.
    pub id: PersonId,
    /// The identity provider. The person's sessions are valid only while it is the configured one.
    pub issuer: String,
    /// The display name.
    pub name: String,
    /// The e-mail address.
    pub email: String,
    /// Whether the provider had verified the address at the last sign-in. False also if that sign-in was at an earlier
    /// version of the program, which did not store it.
    pub is_email_verified: bool,
    /// The address of a picture.
    pub picture_url: Option<String>,
    /// The person's role.
    pub role: Role,
    /// The language of the person's pages and mails.
    pub language: Language,
}

/// The SHA-256 of a session's token. The token itself is not stored, so a stolen database contains no usable session.
pub type SessionHash = [u8; 32];

/// A session as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The hash of the session's token.
    pub hash: SessionHash,
    /// The person.
    pub person_id: PersonId,
    /// When the session began.
    pub created_at: Timestamp,
    /// The time of the last request, accurate to a minute.
    pub seen_at: Timestamp,
}

impl Session {
    /// Whether the session has expired.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        now.duration_since(self.seen_at) >= SESSION_IDLE_MAX || now.duration_since(self.created_at) >= SESSION_AGE_MAX
    }
}

/// A sign-in that waits for the identity provider; used once, bound to one browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignInAttempt {
    /// The `state` parameter of the OpenID Connect request.
    pub state: String,
    /// The hash of the secret in the browser's cookie.
    pub browser_hash: [u8; 32],
    /// The ID token's nonce.
    pub nonce: String,
    /// The PKCE verifier.
    pub pkce_verifier: String,
    /// The path to open after the sign-in.
    pub return_to: String,
    /// When the sign-in attempt began.
    pub created_at: Timestamp,
}
