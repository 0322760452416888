//! The claims that the program uses: those that prove the sign-in, which must be right, and those that describe the
//! person, which are optional.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{
    error::{OidcError, refused},
    json,
};

/// How far a provider's clock may be ahead of ours.
const CLOCK_AHEAD_MAX: SignedDuration = SignedDuration::from_mins(5);
/// Maximum age of an ID token. A genuine one is a second old; one that is much older was not issued for this exchange.
const TOKEN_AGE_MAX: SignedDuration = SignedDuration::from_mins(10);
/// Maximum length of a subject, in bytes (OpenID Connect Core 2).
const SUBJECT_BYTES_MAX: usize = 255;

/// What an ID token must state.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected<'e> {
    pub(super) issuer: &'e str,
    pub(super) client_id: &'e str,
    pub(super) nonce: &'e str,
    pub(super) now: Timestamp,
}

/// Checks the claims of an ID token whose signature is valid (OpenID Connect Core 3.1.3.7). Returns the subject.
pub(super) fn check_id_token<'c>(claims: &'c Value, expected: &Expected<'_>) -> Result<&'c str, OidcError> {
    if json::text(claims, "iss") != Some(expected.issuer) {
        return Err(refused("the token is of another issuer"));
    }
    check_audience(claims, expected.client_id)?;
    let is_azp_ours = |party: &Value| party.is_null() || party.as_str() == Some(expected.client_id);
    if !claims.get("azp").is_none_or(is_azp_ours) {
        return Err(refused("the token was made for another client"));
    }
    let now_s = expected.now.as_second();
    if json::seconds(claims, "exp").is_none_or(|expires| now_s >= expires) {
        return Err(refused("the token has expired, or has no time"));
    }
    let age = json::seconds(claims, "iat").map(|issued| SignedDuration::from_secs(now_s.saturating_sub(issued)));
    if age.is_none_or(|age| age > TOKEN_AGE_MAX || age < -CLOCK_AHEAD_MAX) {
        return Err(refused("the token was not issued just now"));
    }
    if json::text(claims, "nonce") != Some(expected.nonce) {
        return Err(refused("the token is of another sign-in"));
    }
    let subject = json::text(claims, "sub").filter(|subject| subject.len() <= SUBJECT_BYTES_MAX);
    subject.ok_or_else(|| refused("the token names no subject"))
}

/// Checks that a signed UserInfo answer is of this issuer and for this client, as far as it says so
/// (OpenID Connect Core 5.3.2).
pub(super) fn check_user_info(claims: &Value, issuer: &str, client_id: &str) -> Result<(), OidcError> {
    if claims.get("iss").is_some() && json::text(claims, "iss") != Some(issuer) {
        return Err(refused("the UserInfo is of another issuer"));
    }
    if claims.get("aud").is_some() { check_audience(claims, client_id) } else { Ok(()) }
}

/// Checks that this client is in the audience (`aud`). Other entries are accepted, because providers such as Zitadel
/// also list projects and other clients.
fn check_audience(claims: &Value, client_id: &str) -> Result<(), OidcError> {
    let is_ours = json::texts(claims, "aud").contains(&client_id);
    if is_ours { Ok(()) } else { Err(refused("this site is not in the token's audience")) }
}

/// The claims that describe a person, from an ID token or from UserInfo.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct About {
    pub(super) name: Option<String>,
    pub(super) email: Option<String>,
    pub(super) email_verified: Option<bool>,
    pub(super) picture: Option<String>,
}

impl About {
    pub(super) fn of(claims: &Value) -> Self {
        let text = |name| json::text(claims, name).map(str::to_owned);
        let email_verified = match claims.get("email_verified") {
            None | Some(Value::Null) => None,
            Some(Value::Bool(is_verified)) => Some(*is_verified),
            // Some providers write the boolean as text. Everything else proves nothing.
            Some(other) => Some(other.as_str().is_some_and(|text| text.eq_ignore_ascii_case("true"))),
        };
        Self { name: text("name"), email: text("email"), email_verified, picture: text("picture") }
    }

    /// Whether the ID token lacks a claim that UserInfo may have. A missing picture is no reason for a request to
    /// UserInfo: most people have none.
    pub(super) fn is_incomplete(&self) -> bool {
        self.name.is_none() || self.email.is_none() || self.email_verified.is_none()
    }

    /// Fills in missing claims from `more`, the claims of UserInfo. `email_verified` is taken only together with the
    /// address that it is about.
    pub(super) fn completed_by(self, more: Self) -> Self {
        let is_same_email = self.email.is_none() || self.email == more.email;
        let email_verified = self.email_verified.filter(|_| self.email.is_some());
        Self {
            email_verified: email_verified.or(more.email_verified.filter(|_| is_same_email)),
            name: self.name.or(more.name),
            email: self.email.or(more.email),
            picture: self.picture.or(more.picture),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn email_verified_is_read_as_boolean_or_text_and_anything_else_proves_nothing() {
        for (value, read) in [
            (json!(true), Some(true)),
            (json!("true"), Some(true)),
            (json!("True"), Some(true)),
            (json!(false), Some(false)),
            (json!("false"), Some(false)),
            (json!("yes"), Some(false)),
            (json!(1), Some(false)),
            (json!({}), Some(false)),
            (Value::Null, None),
        ] {
            assert_eq!(About::of(&json!({ "email_verified": value })).email_verified, read, "{value}");
        }
        assert_eq!(About::of(&json!({})).email_verified, None);
    }

    #[test]
    fn email_verified_of_user_info_counts_only_for_the_same_address() {
        let about = |claims: Value| About::of(&claims);
        let verified_b = || about(json!({ "email": "b@x.test", "email_verified": true, "name": "B" }));
        let completed = about(json!({ "email": "a@x.test" })).completed_by(verified_b());
        assert_eq!((completed.email.as_deref(), completed.email_verified), (Some("a@x.test"), None));
        assert_eq!(completed.name.as_deref(), Some("B"));
        let completed = about(json!({ "email": "b@x.test" })).completed_by(verified_b());
        assert_eq!(completed.email_verified, Some(true));
        // Without an address in the ID token its `email_verified` is about nothing.
        let unverified_b = about(json!({ "email": "b@x.test", "email_verified": false }));
        assert_eq!(about(json!({ "email_verified": true })).completed_by(unverified_b).email_verified, Some(false));
    }
}
