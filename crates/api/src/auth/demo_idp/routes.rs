//! Serves the demo identity provider over HTTP, under `/demo-idp`.

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::{any, get},
};
use bytes::Bytes;
use utoipa_axum::router::OpenApiRouter;

use super::{DemoIdp, authorize::AuthorizeAnswer, page, query::AuthorizeQuery};
use crate::{
    auth::{found, language},
    error::{ApiError, ApiResult, ErrorCode},
    extract::parse_query,
    request_body::read_body,
    state::App,
};

/// Maximum size of a token request, in bytes.
const FORM_BYTES_MAX: usize = 16 * 1024;

/// The calls under `/demo-idp`. They stand in for an external service, so the OpenAPI document leaves them out.
#[must_use]
pub fn routes() -> OpenApiRouter<App> {
    let routes = Router::new()
        .route("/demo-idp/authorize", get(authorize))
        .route("/demo-idp/style.css", get(get_style))
        .route("/demo-idp/.well-known/openid-configuration", any(back_channel))
        .route("/demo-idp/jwks", any(back_channel))
        .route("/demo-idp/token", any(back_channel));
    OpenApiRouter::from(routes)
}

/// Returns the demo provider; refuses with 404 if the settings select a real provider.
fn demo_idp(app: &App) -> ApiResult<&DemoIdp> {
    app.auth.demo_idp().ok_or_else(|| ErrorCode::NotFound.into())
}

async fn authorize(State(app): State<App>, uri: Uri, headers: HeaderMap) -> ApiResult<Response> {
    let idp = demo_idp(&app)?;
    let query: AuthorizeQuery = parse_query(uri.query().unwrap_or_default())?;
    Ok(match idp.authorize(&query, language::preferred(&headers)) {
        AuthorizeAnswer::Redirect(back) => found(back.as_str(), &[]),
        AuthorizeAnswer::Page(html) => {
            let headers = [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CACHE_CONTROL, "no-store")];
            (headers, html).into_response()
        }
        AuthorizeAnswer::Refused(why) => ApiError::new(ErrorCode::BadRequest).detail(why).into_response(),
    })
}

async fn get_style(State(app): State<App>) -> ApiResult<Response> {
    demo_idp(&app)?;
    let headers = [(header::CONTENT_TYPE, "text/css; charset=utf-8"), (header::CACHE_CONTROL, "max-age=3600")];
    Ok((headers, page::STYLE).into_response())
}

async fn back_channel(State(app): State<App>, request: Request) -> ApiResult<Response> {
    let idp = demo_idp(&app)?;
    let (parts, body) = request.into_parts();
    let body: Bytes = read_body(&parts, body, FORM_BYTES_MAX).await?;
    let answer = idp.answer(&Request::from_parts(parts, body.to_vec()));
    let mut answer = answer.map(Body::from).into_response();
    if answer.status() == StatusCode::METHOD_NOT_ALLOWED {
        answer = ApiError::new(ErrorCode::MethodNotAllowed).into_response();
    }
    Ok(answer)
}
