//! Who is asking.

use std::sync::Arc;

use axum::{extract::FromRequestParts, http::request::Parts};
use seatkeeper_core::{
    box_office::BoxOffice,
    person::{Person, Role},
    ports::Backend,
};
use utoipa_axum::router::OpenApiRouter;

use crate::{
    config::ApiConfig,
    error::{ApiError, ApiResult, ErrorCode},
    state::App,
};

/// Sessions and sign-in.
#[derive(Debug)]
pub struct Auth;

impl Auth {
    /// With these settings.
    #[must_use]
    pub fn new(_: &Arc<BoxOffice>, _: &ApiConfig) -> Self {
        Self
    }

    /// The person of a request's session.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn find_caller(&self, _: &Parts) -> Backend<Option<Arc<Person>>> {
        Ok(None)
    }
}

/// Somebody who has signed in: 401 `sign_in_required`, then 429 and 403 `bad_origin`.
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

/// Whoever it is.
#[derive(Debug)]
pub struct MaybeSignedIn(pub Option<Arc<Person>>);

impl FromRequestParts<App> for MaybeSignedIn {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> ApiResult<Self> {
        Ok(Self(app.auth.find_caller(parts).await?))
    }
}

/// An administrator: as [`SignedIn`], then 403 `forbidden`.
#[derive(Debug)]
pub struct Admin(pub Arc<Person>);

impl FromRequestParts<App> for Admin {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> ApiResult<Self> {
        let SignedIn(person) = SignedIn::from_request_parts(parts, app).await?;
        if person.role == Role::Admin { Ok(Self(person)) } else { Err(ErrorCode::Forbidden.into()) }
    }
}

/// The calls under `/api/auth`.
#[must_use]
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
}

/// The built-in OpenID provider.
pub mod demo_idp {
    use super::{App, OpenApiRouter};

    /// The calls under `/demo-idp`.
    #[must_use]
    pub fn routes() -> OpenApiRouter<App> {
        OpenApiRouter::new()
    }
}
