//! Signing in and out: the redirect to the identity provider, its callback, the new session, and the session's end.

use axum::{http::HeaderMap, response::Response};
use seatkeeper_core::{
    event::{Event, EventKind},
    ids::PersonId,
    person::{FirstAdmin, Identity, Person, Role, SIGN_IN_FOR_MAX, Session, SignInAttempt},
    ports::{Backend, ConfirmedSignIn},
};
use serde_json::{Value, json};
use subtle::ConstantTimeEq;

use super::{
    Auth, found, language,
    oidc::{OidcError, Question},
    return_to::ReturnTo,
    secrets,
};
use crate::{
    error::{ApiResult, ErrorCode},
    request_id,
};

/// The `error` codes of a provider that are passed on to the page (RFC 6749 4.1.2.1, OpenID Connect Core 3.1.2.6).
/// Other values are replaced with a fixed code, because anybody can write them into a link.
const PROVIDER_ERRORS: [&str; 12] = [
    "access_denied",
    "account_selection_required",
    "consent_required",
    "interaction_required",
    "invalid_request",
    "invalid_scope",
    "login_required",
    "request_not_supported",
    "server_error",
    "temporarily_unavailable",
    "unauthorized_client",
    "unsupported_response_type",
];

/// The query parameters with which the identity provider redirects the browser to the callback.
#[derive(Clone, Debug, Default)]
pub(super) struct ComeBack {
    pub(super) code: Option<String>,
    pub(super) state: Option<String>,
    pub(super) error: Option<String>,
    /// The issuer, if the provider names itself (RFC 9207).
    pub(super) iss: Option<String>,
}

impl Auth {
    /// Redirects the browser to the identity provider.
    pub(super) async fn begin_sign_in(
        &self,
        headers: &HeaderMap,
        return_to: ReturnTo,
        login_hint: Option<&str>,
    ) -> ApiResult<Response> {
        let Self(inner) = self;
        let entropy = &*inner.ports.entropy;
        // Reuse the browser's secret, so that a second sign-in in another tab does not invalidate the first.
        let browser = inner.cookies.find_sign_in(headers).map_or_else(|| secrets::new_secret(entropy), str::to_owned);
        let attempt = SignInAttempt {
            state: secrets::new_secret(entropy),
            browser_hash: secrets::hash(&browser),
            nonce: secrets::new_secret(entropy),
            pkce_verifier: secrets::new_secret(entropy),
            return_to: return_to.as_str().to_owned(),
            created_at: inner.ports.clock.now(),
        };
        let question = Question { attempt: &attempt, login_hint, language: language::preferred(headers) };
        let there = match inner.party.ask(question).await {
            Ok(there) => there,
            Err(error) => return Ok(failed(&error, &return_to)),
        };
        inner.ports.sessions.begin_sign_in(&attempt).await?;
        Ok(found(there.as_str(), &[inner.cookies.set_sign_in(&browser)]))
    }

    /// Handles the provider's callback: identifies the person and begins a new session.
    pub(super) async fn finish_sign_in(&self, headers: &HeaderMap, back: ComeBack) -> ApiResult<Response> {
        let Self(inner) = self;
        let attempt = self.take_attempt(headers, back.state.as_deref()).await?;
        let return_to = ReturnTo::parse(&attempt.return_to).unwrap_or_else(ReturnTo::home);
        if let Some(error) = back.error.as_deref() {
            let known = PROVIDER_ERRORS.into_iter().find(|known| *known == error);
            return Ok(turned_away(known.unwrap_or("sign_in_failed"), &return_to));
        }
        let language = language::preferred(headers);
        let code = back.code.unwrap_or_default();
        let identity = match inner.party.identify(&code, back.iss.as_deref(), &attempt, language).await {
            Ok(identity) => identity,
            Err(error) => return Ok(failed(&error, &return_to)),
        };
        let issuer = identity.issuer.clone();
        let person = inner.ports.people.sign_in(&self.confirm(identity), inner.ports.clock.now()).await?;
        if person.role == Role::Admin {
            // The sign-in may have changed the role, and the person's other sessions are cached with the old one.
            inner.cache.forget_people(&[person.id]);
        }
        // End any session that the browser already had: a session is never reused for another sign-in.
        self.end_session_of(headers, json!({ "reason": "signed_in_again" })).await?;
        let secret = self.begin_session(&person, &issuer).await?;
        metrics::counter!("seatkeeper_sign_ins_total").increment(1);
        Ok(found(&return_to.to_location(), &[inner.cookies.set_session(&secret)]))
    }

    /// Ends the session of this browser, if it has one.
    pub(super) async fn sign_out(&self, headers: &HeaderMap) -> Backend<()> {
        self.end_session_of(headers, Value::Null).await
    }

    /// Finds the sign-in attempt that this browser began, and removes it from the store, so that a `state` is valid
    /// only once.
    async fn take_attempt(&self, headers: &HeaderMap, state: Option<&str>) -> ApiResult<SignInAttempt> {
        let Self(inner) = self;
        let (Some(state), Some(browser)) =
            (state.filter(|state| secrets::is_secret(state)), inner.cookies.find_sign_in(headers))
        else {
            return Err(ErrorCode::BadState.into());
        };
        let attempt = inner.ports.sessions.take_sign_in(state).await?.ok_or(ErrorCode::BadState)?;
        let is_this_browsers = bool::from(attempt.browser_hash.ct_eq(&secrets::hash(browser)));
        let is_late = inner.ports.clock.now().duration_since(attempt.created_at) > SIGN_IN_FOR_MAX;
        if is_this_browsers && !is_late { Ok(attempt) } else { Err(ErrorCode::BadState.into()) }
    }

    fn confirm(&self, identity: Identity) -> ConfirmedSignIn {
        let Self(inner) = self;
        ConfirmedSignIn {
            new_id: PersonId::generate(inner.ports.clock.now(), &*inner.ports.entropy),
            first_admin: FirstAdmin::of(inner.admin_email.as_ref(), &identity),
            on_promotion: self.audit("admin_added", None, None, json!({ "role": Role::Admin.as_ref() })),
            identity,
        }
    }

    async fn begin_session(&self, person: &Person, issuer: &str) -> Backend<String> {
        let ports = &self.0.ports;
        let (secret, now) = (secrets::new_secret(&*ports.entropy), ports.clock.now());
        let session = Session { hash: secrets::hash(&secret), person_id: person.id, created_at: now, seen_at: now };
        let event =
            self.audit("sign_in", Some(person.id), None, json!({ "issuer": issuer, "role": person.role.as_ref() }));
        ports.sessions.create_session(&session, &event).await?;
        Ok(secret)
    }

    async fn end_session_of(&self, headers: &HeaderMap, details: Value) -> Backend<()> {
        let Self(inner) = self;
        let Some(secret) = inner.cookies.find_session(headers) else { return Ok(()) };
        let hash = secrets::hash(secret);
        let Some((_, person)) = inner.ports.sessions.find_session(&hash).await? else { return Ok(()) };
        let event = self.audit("sign_out", Some(person.id), None, details);
        inner.ports.sessions.end_session(&hash, inner.ports.clock.now(), &event).await?;
        inner.cache.invalidate(&hash);
        inner.open.end([&hash]);
        Ok(())
    }

    /// Creates an audit event with the id of the current request.
    pub(super) fn audit(
        &self,
        action: &str,
        actor: Option<PersonId>,
        subject: Option<String>,
        details: Value,
    ) -> Event {
        let ports = &self.0.ports;
        let kind = EventKind::AuditLog { action: action.to_owned(), subject, details };
        let request = request_id::current();
        Event::new(ports.clock.now(), &*ports.entropy, kind)
            .by(actor)
            .in_request(request.as_ref().map(|id| id.as_str()))
    }
}

/// Redirects to the sign-in page with an error code, and with `return_to` for the next attempt.
fn turned_away(error: &str, return_to: &ReturnTo) -> Response {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("error", error);
    if *return_to != ReturnTo::home() {
        query.append_pair("return_to", return_to.as_str());
    }
    found(&format!("/sign-in?{}", query.finish()), &[])
}

fn failed(error: &OidcError, return_to: &ReturnTo) -> Response {
    let request = request_id::current();
    tracing::warn!(request_id = request.as_ref().map_or("", |id| id.as_str()), %error, "sign-in failed");
    let shown = match error {
        OidcError::Unavailable(_) => "temporarily_unavailable",
        OidcError::Refused(_) => "sign_in_failed",
        OidcError::NoEmail => "no_email",
    };
    turned_away(shown, return_to)
}
