//! The middleware that handles every request: request id, limits, timeout, panics, and common headers of the answers.
//! It is one layer instead of a stack of them, because it is on the hot path of seat locks.

use std::{collections::HashMap, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};
use futures_util::FutureExt;

use crate::{
    auth,
    client_address::{ClientKeys, of_request},
    config::SignInConfig,
    date::date_header,
    error::{ApiError, ApiResult, ErrorCode},
    page::is_for_admins,
    permits::busy,
    rate_limit::Counted,
    request_id::RequestId,
    state::App,
    unsent::finish_compression,
};

/// Timeout of a request. Confirming a payment is the slowest call: it waits up to 5 s for the payment provider and 5 s
/// for the store.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);
/// Path of the call that begins a sign-in, which has its own rate limit.
const SIGN_IN_PATH: &str = "/api/auth/google/login";
/// Prefixes of the paths of a sign-in, including those of the demo provider.
const SIGN_IN_PATHS: [&str; 2] = ["/api/auth/google/", "/demo-idp/"];
/// Paths that a server on loopback answers whatever the `Host` header.
const HEALTH_PATHS: [&str; 2] = ["/healthz", "/readyz"];
/// Cookie set with a redirect to the public URL, to detect a redirect loop.
const REDIRECTED_COOKIE: &str = "seatkeeper_redirected=1";
/// Lifetime of [`REDIRECTED_COOKIE`], in seconds. It is short, because a browser follows a redirect at once, and a
/// person who types the wrong address again later must be redirected again.
const REDIRECTED_FOR_S: u32 = 5;

/// Content security policy of pages: they may load only resources of this site; `'self'` includes its WebSocket.
/// `unsafe-inline` styles are needed because scripts set the styles of components.
const PAGE_POLICY: &str = "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; \
     connect-src 'self'; object-src 'none'; frame-ancestors 'none'; base-uri 'self'; form-action 'self'";

/// The methods of each route. With them an unsupported method is answered with 405 and does not count for the rate
/// limits.
pub(crate) type Methods = HashMap<String, Vec<Method>>;

/// State of this middleware: the application, and the methods of all routes.
#[derive(Clone)]
pub(crate) struct Door {
    pub(crate) app: App,
    pub(crate) methods: Arc<Methods>,
}

/// Handles a request: admits it, runs the handler, and sets the common headers.
pub(crate) async fn front_door(State(door): State<Door>, request: Request, next: Next) -> Response {
    let id = RequestId::next();
    let is_api = request.uri().path().starts_with("/api/");
    let endpoint = Endpoint::of(&request);
    id.scope(async move {
        let answer = AssertUnwindSafe(answer(&door, request, next)).catch_unwind().await;
        let mut response = match answer {
            Ok(Ok(response)) => response,
            Ok(Err(refusal)) => refusal.into_response(),
            Err(panic) => {
                let said = panic
                    .downcast_ref::<&str>()
                    .copied()
                    .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
                tracing::error!(request_id = %id, panic = said.unwrap_or("?"), "a handler panicked; answering 500");
                ApiError::new(ErrorCode::Internal).into_response()
            }
        };
        if response.status().is_server_error() {
            note_failure(&door.app, &response, endpoint, id);
        }
        response.headers_mut().insert(header::DATE, date_header(door.app.office.now()));
        dress(response.headers_mut(), id, is_api, door.app.config.public_url.is_https());
        response
    })
    .await
}

async fn answer(door: &Door, request: Request, next: Next) -> ApiResult<Response> {
    let app = &door.app;
    let (parts, body) = request.into_parts();
    refuse_repeated_headers(&parts.headers)?;
    if let Some(elsewhere) = misdirected(app, &parts)? {
        return Ok(elsewhere);
    }
    if is_proxied_demo_sign_in(app, &parts) {
        let why = "demo sign-in must not stand behind a proxy, where it lets everybody in as anybody";
        return auth::in_words(&parts.headers, Err(ApiError::new(ErrorCode::Misdirected).detail(why)));
    }
    // A browser navigates to the paths of a sign-in, so their refusals are shown as a page.
    let shown_with = is_sign_in(&parts).then(|| parts.headers.clone());
    let answer = admit(door, parts, body, next).await;
    match shown_with {
        Some(headers) => auth::in_words(&headers, answer),
        None => answer,
    }
}

/// Checks the rate limits, takes a request permit, and runs the handler with a timeout.
async fn admit(door: &Door, mut parts: Parts, body: Body, next: Next) -> ApiResult<Response> {
    let app = &door.app;
    // The address is needed only for the limits, which load tests switch off because all their requests come from one
    // address.
    let client = app.config.rate_limit.then(|| ClientKeys::of(of_request(&parts, &app.config.trusted_proxies)));
    if let Some(client) = client.filter(|_| is_counted(door, &parts)) {
        count(app, parts.uri.path(), client)?;
    }
    let is_head = parts.method == Method::HEAD;
    let permit = app.permits.take(client).ok_or_else(busy)?;
    parts.extensions.insert(permit.handle());
    let answer = async {
        let response = next.run(Request::from_parts(parts, body)).await;
        // An answer to HEAD has no body to compress; its headers describe the body of the corresponding GET.
        if is_head { Ok(response) } else { finish_compression(&app.unsent, client, response).await }
    };
    tokio::time::timeout(ANSWER_WITHIN, answer).await.unwrap_or_else(|_| {
        tracing::warn!(within = ?ANSWER_WITHIN, "a request timed out; answering 503");
        Err(ApiError::new(ErrorCode::TryAgain).detail("no answer in time"))
    })
}

/// Refuses requests with two `Host` or `Origin` headers, for example from a proxy that adds one, because it is
/// ambiguous which one is valid.
fn refuse_repeated_headers(headers: &HeaderMap) -> ApiResult<()> {
    let is_repeated = |name: &HeaderName| headers.get_all(name).iter().nth(1).is_some();
    match [header::HOST, header::ORIGIN].iter().find(|name| is_repeated(name)) {
        Some(name) => Err(ApiError::new(ErrorCode::BadRequest).detail(format!("more than one {name} header"))),
        None => Ok(()),
    }
}

/// Protects a server on loopback from DNS rebinding: another site may let its host name resolve to 127.0.0.1, but its
/// pages cannot choose the `Host` header, so requests with an unknown `Host` are refused. A browser that navigates to a
/// page is redirected to the public URL. Health checks are exempt: they are local, do not know the public URL, and
/// return nothing confidential.
fn misdirected(app: &App, parts: &Parts) -> ApiResult<Option<Response>> {
    if !app.config.listen_is_loopback || HEALTH_PATHS.contains(&parts.uri.path()) {
        return Ok(None);
    }
    let host = parts.uri.authority().map(|authority| authority.as_str());
    let host = host.or_else(|| parts.headers.get(header::HOST)?.to_str().ok()).unwrap_or_default();
    if app.config.is_own_host(host) {
        return Ok(None);
    }
    let path = parts.uri.path();
    let accepts = parts.headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    if parts.method == Method::GET && accepts.contains("text/html") && !path.starts_with("/api/") {
        return redirect_to_public_url(app, parts).map(Some);
    }
    Err(ErrorCode::Misdirected.into())
}

/// Whether a request is part of a demo sign-in and has passed through a proxy, so that it may come from another machine
/// although the server listens on loopback. A proxy that adds no header cannot be detected.
fn is_proxied_demo_sign_in(app: &App, parts: &Parts) -> bool {
    match app.config.sign_in {
        SignInConfig::Demo { is_allowed_behind_proxies: false } => {}
        SignInConfig::Demo { is_allowed_behind_proxies: true } | SignInConfig::Google { .. } => return false,
    }
    let is_of_proxy = |name: &HeaderName| {
        *name == header::FORWARDED || *name == header::VIA || name.as_str().starts_with("x-forwarded-")
    };
    is_sign_in(parts) && parts.headers.keys().any(is_of_proxy)
}

/// Whether a request is part of a sign-in.
fn is_sign_in(parts: &Parts) -> bool {
    SIGN_IN_PATHS.iter().any(|path| parts.uri.path().starts_with(path))
}

/// Redirects a browser to the public URL. A browser that sends the cookie of such a redirect is refused: it used the
/// public URL already, where a proxy replaces `Host`, and another redirect would start an endless loop.
fn redirect_to_public_url(app: &App, parts: &Parts) -> ApiResult<Response> {
    let cookies = parts.headers.get_all(header::COOKIE).iter().filter_map(|cookies| cookies.to_str().ok());
    if cookies.flat_map(|cookies| cookies.split(';')).any(|cookie| cookie.trim() == REDIRECTED_COOKIE) {
        let why = "the proxy in front of this server must pass the Host header unchanged";
        return Err(ApiError::new(ErrorCode::Misdirected).detail(why));
    }
    let path_and_query = parts.uri.path_and_query().map_or("/", |both| both.as_str());
    let target = format!("{}{path_and_query}", app.config.public_url.as_str());
    let cookie = format!("{REDIRECTED_COOKIE}; Max-Age={REDIRECTED_FOR_S}; Path=/; HttpOnly; SameSite=Lax");
    Ok(([(header::SET_COOKIE, cookie)], Redirect::temporary(&target)).into_response())
}

/// Whether a request counts for the rate limits. Unknown API paths and methods do not: they are refused cheaply. Pages,
/// files and all paths under `/api/admin` do: for the latter, even unknown ones, the server may read the session from
/// the store to answer 401 or 403.
fn is_counted(door: &Door, parts: &Parts) -> bool {
    if is_for_admins(parts.uri.path()) {
        return true;
    }
    match parts.extensions.get::<MatchedPath>() {
        Some(route) => door.methods.get(route.as_str()).is_none_or(|methods| methods.contains(&parts.method)),
        None => !parts.uri.path().starts_with("/api/"),
    }
}

fn count(app: &App, path: &str, client: ClientKeys) -> ApiResult<()> {
    let now_us = app.uptime_us();
    app.limits.take_of(client, Counted::Request, now_us)?;
    if path == SIGN_IN_PATH {
        app.limits.take_of(client, Counted::SignIn, now_us)?;
    }
    Ok(())
}

/// Method and route of a request, for reports of its failure.
struct Endpoint {
    method: Method,
    route: Option<MatchedPath>,
}

impl Endpoint {
    fn of(request: &Request) -> Self {
        Self { method: request.method().clone(), route: request.extensions().get::<MatchedPath>().cloned() }
    }
}

fn note_failure(app: &App, response: &Response, endpoint: Endpoint, id: RequestId) {
    let code = response.extensions().get::<ErrorCode>().map_or("internal", |code| code.as_str());
    metrics::counter!("seatkeeper_http_failures_total", "code" => code).increment(1);
    if response.status().as_u16() == 500 {
        let route = endpoint.route.as_ref().map_or("page", |route| route.as_str());
        app.system_errors.count(format!("{} {route}", endpoint.method), code, id);
    }
}

/// Sets the common headers of every answer. A `Cache-Control` or content security policy that the handler has set takes
/// precedence.
fn dress(headers: &mut HeaderMap, id: RequestId, is_api: bool, is_https: bool) {
    const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
    headers.insert(REQUEST_ID, id.header());
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if is_https {
        let for_a_year = HeaderValue::from_static("max-age=31536000");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, for_a_year);
    }
    if is_api {
        headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    } else {
        headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(PAGE_POLICY));
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
        headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
        const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
        headers.insert(OPENER_POLICY, HeaderValue::from_static("same-origin"));
    }
}
