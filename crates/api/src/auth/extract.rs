//! Extractors that authenticate the person who sends a request.

use std::sync::Arc;

use axum::{
    extract::{FromRequestParts, MatchedPath},
    http::request::Parts,
};
use seatkeeper_core::person::{Person, Role};

use crate::{
    error::{ApiError, ApiResult, ErrorCode},
    state::App,
};

/// Refused paths are truncated to this many characters in the audit log: clients choose the path, and the log
/// is kept for months.
const REFUSED_PATH_CHARS_MAX: usize = 200;

/// Extracts the signed-in person. Refuses with 401 `sign_in_required`, then 429, then 403 `bad_origin`. A cached
/// session is accepted even while the store does not answer, so that seats can still be locked.
#[derive(Debug)]
pub struct SignedIn(pub Arc<Person>);

impl FromRequestParts<App> for SignedIn {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> ApiResult<Self> {
        let person = app.auth.find_caller(parts).await?.ok_or(ErrorCode::SignInRequired)?;
        app.admit(parts, &person)?;
        Ok(Self(person))
    }
}

/// Extracts the signed-in person like [`SignedIn`], but only if this server knows the sign-outs on all servers up to
/// half a minute ago; otherwise refuses with 503 `try_again`. Required by calls that move money.
#[derive(Debug)]
pub struct Fresh(pub Arc<Person>);

impl FromRequestParts<App> for Fresh {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> ApiResult<Self> {
        let person = app.auth.find_fresh_caller(parts).await?.ok_or(ErrorCode::SignInRequired)?;
        app.admit(parts, &person)?;
        Ok(Self(person))
    }
}

/// Extracts the signed-in person, or `None` for an anonymous request. Refuses a signed-in person like [`SignedIn`].
#[derive(Debug)]
pub struct MaybeSignedIn(pub Option<Arc<Person>>);

impl FromRequestParts<App> for MaybeSignedIn {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> ApiResult<Self> {
        let person = app.auth.find_caller(parts).await?;
        if let Some(person) = &person {
            app.admit(parts, person)?;
        }
        Ok(Self(person))
    }
}

/// Extracts the signed-in person like [`Fresh`], then refuses everybody but administrators with 403 `forbidden`.
/// Refused attempts are recorded in the audit log.
#[derive(Debug)]
pub struct Admin(pub Arc<Person>);

impl FromRequestParts<App> for Admin {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> ApiResult<Self> {
        let caller = app.auth.find_fresh_caller(parts).await?;
        let admitted = admit_admin(parts, app, caller.as_ref());
        if let Err(refusal) = &admitted {
            note_refusal(parts, app, caller.as_deref(), refusal);
        }
        admitted.map(Self)
    }
}

fn admit_admin(parts: &Parts, app: &App, caller: Option<&Arc<Person>>) -> ApiResult<Arc<Person>> {
    let person = caller.ok_or(ErrorCode::SignInRequired)?;
    app.admit(parts, person)?;
    if person.role == Role::Admin { Ok(Arc::clone(person)) } else { Err(ErrorCode::Forbidden.into()) }
}

fn note_refusal(parts: &Parts, app: &App, caller: Option<&Person>, refusal: &ApiError) {
    // A rate-limited caller may be an administrator, so this refusal is not recorded.
    if refusal.code() == ErrorCode::RateLimited {
        return;
    }
    let route = parts.extensions.get::<MatchedPath>().map_or("/api/admin", MatchedPath::as_str);
    let path: String = parts.uri.path().chars().take(REFUSED_PATH_CHARS_MAX).collect();
    let subject = format!("{} {path}", parts.method);
    app.auth.note_admin_refused(caller.map(|person| person.id), route, subject, refusal.code().as_str());
}
