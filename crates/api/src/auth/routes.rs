//! Sign-in, sign-out and the signed-in person: `/api/auth`.

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use seatkeeper_core::{
    email::EMAIL_BYTES_MAX,
    invalid::Rule,
    person::{Language, Person, Role},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{MaybeSignedIn, SignedIn, return_to::ReturnTo, sign_in::ComeBack};
use crate::{
    error::{ApiError, ApiResult, ErrorCode},
    extract::{Json, Query},
    negotiation, origin,
    state::App,
    wire::{LanguageShape, RoleShape},
};

/// The calls under `/api/auth`.
#[must_use]
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(begin_sign_in))
        .routes(routes!(finish_sign_in))
        .routes(routes!(get_me, update_me))
        .routes(routes!(sign_out))
}

/// Routes whose answers are not compressed: `get_session`, which every visit calls first and whose answer is small.
#[must_use]
pub fn lean_routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get_session))
}

/// Where to go, and as whom.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct SignInQuery {
    /// A path of this site to come back to: one `/`, then neither `/` nor `\`. The first page when left out.
    #[param(example = "/screenings/0195d3c0-0000-7000-8000-000000000001")]
    return_to: Option<String>,
    /// An e-mail address that the person may have in mind. The demo provider signs it in straight away, with no page.
    #[param(example = "ann@example.test", max_length = 254)]
    login_hint: Option<String>,
}

/// Begins a sign-in: on to the identity provider
///
/// OpenID Connect's authorization code flow with PKCE (S256), `state` and `nonce`, bound to this browser by a cookie.
#[utoipa::path(
    get, path = "/api/auth/google/login", tag = "Signing in", operation_id = "begin_sign_in", params(SignInQuery),
    responses(
        (status = 302, description = "To the identity provider, or to `/sign-in?error=…` when it is away"),
        (status = 400, description = "`bad_return_to`"),
    )
)]
async fn begin_sign_in(State(app): State<App>, Query(query): Query<SignInQuery>, parts: Parts) -> ApiResult<Response> {
    let return_to = match &query.return_to {
        Some(text) => ReturnTo::parse(text).ok_or(ErrorCode::BadReturnTo)?,
        None => ReturnTo::home(),
    };
    let hint = query.login_hint.as_deref().filter(|hint| !hint.is_empty());
    if hint.is_some_and(|hint| hint.len() > EMAIL_BYTES_MAX || hint.chars().any(char::is_control)) {
        return Err(ApiError::invalid("login_hint", Rule::Length { min: 1, max: EMAIL_BYTES_MAX }));
    }
    in_words(&parts.headers, app.auth.begin_sign_in(&parts.headers, return_to, hint).await)
}

/// Turns a refusal into HTML for browsers. Browsers navigate to the sign-in calls directly and would show the raw JSON
/// of a refusal, so they get HTML that redirects to the sign-in page, which explains the error code. Status and other
/// headers are the same as for programs.
pub(crate) fn in_words(headers: &HeaderMap, answer: ApiResult<Response>) -> ApiResult<Response> {
    let error = match answer {
        Err(error) if negotiation::shows_page(headers) => error,
        answer => return answer,
    };
    let there = format!("/sign-in?error={}", error.code().as_str());
    let page =
        format!("<!doctype html><meta charset=utf-8><title>Seatkeeper</title><a href=\"{there}\">Seatkeeper</a>");
    let mut response = error.into_response();
    *response.body_mut() = page.into();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    if let Ok(refresh) = HeaderValue::try_from(format!("0; url={there}")) {
        response.headers_mut().insert(header::REFRESH, refresh);
    }
    Ok(response)
}

/// What the identity provider sends a browser back with.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct CallbackQuery {
    /// What the provider exchanges for an ID token.
    code: Option<String>,
    /// As it was sent there.
    state: Option<String>,
    /// Why the provider refused.
    error: Option<String>,
    /// The provider, if it names itself (RFC 9207).
    iss: Option<String>,
}

/// Finishes a sign-in: a new session
///
/// A `state` serves once, for 10 minutes, in the browser that it was made for.
#[utoipa::path(
    get, path = "/api/auth/google/callback", tag = "Signing in", operation_id = "finish_sign_in", params(CallbackQuery),
    responses(
        (status = 302, description = "To `return_to` with the session's cookie, or to `/sign-in?error=…`",
            headers(("Set-Cookie" = String, description = "The session"))),
        (status = 400, description = "`bad_state`"),
    )
)]
async fn finish_sign_in(
    State(app): State<App>,
    Query(query): Query<CallbackQuery>,
    parts: Parts,
) -> ApiResult<Response> {
    let CallbackQuery { code, state, error, iss } = query;
    in_words(&parts.headers, app.auth.finish_sign_in(&parts.headers, ComeBack { code, state, error, iss }).await)
}

/// Who is signed in.
#[derive(Debug, Serialize, ToSchema)]
struct Me {
    id: String,
    /// As it is shown.
    #[schema(example = "Ann Wongsuwan")]
    name: String,
    /// Where confirmations go.
    #[schema(example = "ann@example.test")]
    email: String,
    #[schema(required)]
    picture_url: Option<String>,
    /// ADMIN for the first person ever to sign in, or the one whom the settings name, and for those whom an operator adds.
    #[schema(value_type = RoleShape)]
    role: Role,
    #[schema(value_type = LanguageShape)]
    language: Language,
}

impl Me {
    fn of(person: &Person) -> Self {
        Self {
            id: person.id.to_string(),
            name: person.name.clone(),
            email: person.email.clone(),
            picture_url: person.picture_url.clone(),
            role: person.role,
            language: person.language,
        }
    }
}

/// Tells who I am
#[utoipa::path(
    get, path = "/api/auth/me", tag = "Signing in", operation_id = "get_me", security(("session" = [])),
    responses(
        (status = 200, body = Me),
    )
)]
async fn get_me(SignedIn(person): SignedIn) -> axum::Json<Me> {
    axum::Json(Me::of(&person))
}

/// Whose session this is.
#[derive(Debug, Serialize, ToSchema)]
struct SessionAnswer {
    /// Null when nobody is signed in.
    #[schema(required)]
    person: Option<Me>,
}

/// Tells who is signed in, if anybody is
///
/// Like `GET /api/auth/me`, but the answer for a guest is not an error.
#[utoipa::path(
    get, path = "/api/auth/session", tag = "Signing in", operation_id = "get_session",
    responses(
        (status = 200, body = SessionAnswer),
    )
)]
async fn get_session(MaybeSignedIn(person): MaybeSignedIn) -> axum::Json<SessionAnswer> {
    axum::Json(SessionAnswer { person: person.as_deref().map(Me::of) })
}

/// What can be changed about oneself.
#[derive(Debug, Deserialize, ToSchema)]
struct MeChange {
    #[schema(value_type = LanguageShape)]
    language: Language,
}

/// Changes my language
#[utoipa::path(
    patch, path = "/api/auth/me", tag = "Signing in", operation_id = "update_me", security(("session" = [])),
    request_body = MeChange,
    responses(
        (status = 200, body = Me),
    )
)]
async fn update_me(
    State(app): State<App>,
    SignedIn(person): SignedIn,
    Json(change): Json<MeChange>,
) -> ApiResult<axum::Json<Me>> {
    let changed = app.auth.set_language(person.id, change.language).await?.ok_or(ErrorCode::SignInRequired)?;
    Ok(axum::Json(Me::of(&changed)))
}

/// Signs out
///
/// The session ends on the server, everywhere within seconds.
#[utoipa::path(
    post, path = "/api/auth/logout", tag = "Signing in", operation_id = "sign_out",
    responses(
        (status = 204, description = "Nobody is signed in in this browser, whoever was before"),
        (status = 403, description = "`bad_origin`"),
        (status = 503, description = "`try_again`: the session has not ended"),
    )
)]
async fn sign_out(State(app): State<App>, parts: Parts) -> ApiResult<Response> {
    origin::check(&parts, &app.config)?;
    app.auth.sign_out(&parts.headers).await?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, app.auth.cleared_cookie())]).into_response())
}
