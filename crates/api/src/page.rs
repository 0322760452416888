//! The web front end, compiled into the program. It is the fallback for all paths that are not API calls.

use std::{borrow::Cow, collections::HashMap, sync::LazyLock};

use axum::{
    extract::{FromRequestParts, Request, State},
    http::{HeaderMap, Method, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use rust_embed::Embed;

use crate::{
    asset::{Asset, Caching},
    auth::Admin,
    error::{ApiError, ApiResult, ErrorCode},
    state::App,
};

/// The files of the built front end; the build script creates an empty folder if it was not built.
#[derive(Embed)]
#[folder = "../../web/dist"]
struct Files;

/// Folder of files whose names contain a hash of their content.
const HASHED: &str = "assets/";
/// Page that is shown when the front end was not built.
const NOT_BUILT: &str = "<!doctype html><meta charset=utf-8><title>Seatkeeper</title>\
     <p>The page was not built into this program. The calls are described under <a href=\"/docs\">/docs</a>.";

/// Fallback for paths without a route: answers with a file of the front end, with the front end's page, or with 404.
pub(crate) async fn get_page(State(app): State<App>, request: Request) -> ApiResult<Response> {
    let (mut parts, _) = request.into_parts();
    let path = parts.uri.path().to_owned();
    if path == "/api" || path.starts_with("/api/") {
        guard_admin(&mut parts, &app).await?;
        return Err(ErrorCode::NotFound.into());
    }
    if !matches!(parts.method, Method::GET | Method::HEAD) {
        let allow = [(header::ALLOW, "GET, HEAD")];
        return Ok((allow, ApiError::new(ErrorCode::MethodNotAllowed)).into_response());
    }
    let name = path.trim_start_matches('/');
    if let Some(file) = get_file(name, &parts.headers) {
        return Ok(file);
    }
    if name.starts_with(HASHED) {
        return Err(ErrorCode::NotFound.into());
    }
    let page = get_file("index.html", &parts.headers);
    Ok(page.unwrap_or_else(|| axum::response::Html(NOT_BUILT).into_response()))
}

/// Answers with the front end's file of this name, if there is one.
pub(crate) fn get_file(name: &str, headers: &HeaderMap) -> Option<Response> {
    static FILES: LazyLock<HashMap<Cow<'static, str>, Asset>> = LazyLock::new(all_files);
    FILES.get(name).map(|file| file.answer(headers))
}

fn all_files() -> HashMap<Cow<'static, str>, Asset> {
    let asset = |name: Cow<'static, str>| {
        let caching = if name.starts_with(HASHED) { Caching::ForAYear } else { Caching::Revalidate };
        let bytes = match Files::get(&name)?.data {
            Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            Cow::Owned(bytes) => bytes.into(),
        };
        let asset = Asset::new(content_type(&name), caching, bytes);
        Some((name, asset))
    };
    Files::iter().filter_map(asset).collect()
}

/// Answers 405 for a path that has a route but not for this method.
pub(crate) async fn refuse_method(State(app): State<App>, request: Request) -> ApiResult<Response> {
    let (mut parts, _) = request.into_parts();
    guard_admin(&mut parts, &app).await?;
    Err(ErrorCode::MethodNotAllowed.into())
}

/// Requires an administrator under `/api/admin`, so that others cannot find out which paths exist.
async fn guard_admin(parts: &mut axum::http::request::Parts, app: &App) -> ApiResult<()> {
    if is_for_admins(parts.uri.path()) {
        Admin::from_request_parts(parts, app).await?;
    }
    Ok(())
}

/// Whether the path is in the administrators' part of the API.
pub(crate) fn is_for_admins(path: &str) -> bool {
    path.strip_prefix("/api/admin").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "woff" => "font/woff",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
