//! The web front end, compiled into the program. It is the fallback for all paths that are not API calls.

use std::{borrow::Cow, collections::HashMap, sync::LazyLock};

use axum::{
    extract::{FromRequestParts, Request, State},
    http::{HeaderMap, Method, StatusCode, header},
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

/// The file that tells crawlers which paths they may read.
const ROBOTS: &str = "robots.txt";
/// Folder of files whose names contain a hash of their content.
const HASHED: &str = "assets/";
/// Page that is shown when the front end was not built.
const NOT_BUILT: &str = "<!doctype html><meta charset=utf-8><title>Seatkeeper</title>\
     <p>The page was not built into this program. The calls are described under <a href=\"/docs\">/docs</a>.";

/// The paths of the page's own routes (`web/src/router.ts`); `{id}` stands for any text. A test compares both.
const PAGE_ROUTES: [&str; 15] = [
    "/",
    "/movies/{id}",
    "/screenings/{id}",
    "/pay/{id}",
    "/bookings",
    "/bookings/{id}",
    "/sign-in",
    "/admin",
    "/admin/bookings",
    "/admin/movies",
    "/admin/halls",
    "/admin/screenings",
    "/admin/audit",
    "/admin/events",
    "/admin/mail",
];

/// Fallback for paths without a route: answers with a file of the front end, with the front end's page, or with 404.
/// The answer to an unknown path is 404 with the front end's page as its body, which displays that there is no such
/// page.
pub(crate) async fn get_page(State(app): State<App>, request: Request) -> ApiResult<Response> {
    let (mut parts, _) = request.into_parts();
    let path = parts.uri.path().to_owned();
    if path == "/api" || path.starts_with("/api/") {
        guard_admin(&mut parts, &app).await?;
        return Err(ErrorCode::NotFound.into());
    }
    let name = match path.trim_start_matches('/') {
        // Browsers ask for it on pages that name no icon, such as those of the demo sign-in.
        "favicon.ico" => "icon.svg",
        name => name,
    };
    let (is_file, is_page) = (files().contains_key(name), is_page(&path));
    let is_read = matches!(parts.method, Method::GET | Method::HEAD);
    if !is_file && !is_page && (!is_read || name.starts_with(HASHED)) {
        return Err(ErrorCode::NotFound.into());
    }
    if !is_read {
        let allow = [(header::ALLOW, "GET, HEAD")];
        return Ok((allow, ApiError::new(ErrorCode::MethodNotAllowed)).into_response());
    }
    if let Some(file) = get_file(name, &parts.headers) {
        return Ok(file);
    }
    Ok(if is_page { get_shell(&parts.headers) } else { not_found(parts.headers) })
}

/// Whether the path is one of [`PAGE_ROUTES`]. As in the page's router, case does not matter, nor does a slash at the
/// end.
fn is_page(path: &str) -> bool {
    let path = path.strip_suffix('/').unwrap_or(path);
    let is_route = |route: &&str| {
        let mut segments = path.split('/');
        let fits = |wanted: &str| {
            let given = segments.next();
            given.is_some_and(
                |given| if wanted == "{id}" { !given.is_empty() } else { given.eq_ignore_ascii_case(wanted) },
            )
        };
        route.strip_suffix('/').unwrap_or(route).split('/').all(fits) && segments.next().is_none()
    };
    PAGE_ROUTES.iter().any(is_route)
}

/// The front end's `index.html`, which is the same for every path.
fn get_shell(headers: &HeaderMap) -> Response {
    get_file("index.html", headers).unwrap_or_else(|| axum::response::Html(NOT_BUILT).into_response())
}

/// The page with the status 404. It is always sent in full: a 304 would not say that the path is unknown.
fn not_found(mut headers: HeaderMap) -> Response {
    headers.remove(header::IF_NONE_MATCH);
    let mut response = get_shell(&headers);
    *response.status_mut() = StatusCode::NOT_FOUND;
    response.headers_mut().remove(header::ETAG);
    response
}

/// Answers with the front end's file of this name, if there is one.
pub(crate) fn get_file(name: &str, headers: &HeaderMap) -> Option<Response> {
    files().get(name).map(|file| file.answer(headers))
}

fn files() -> &'static HashMap<Cow<'static, str>, Asset> {
    static FILES: LazyLock<HashMap<Cow<'static, str>, Asset>> = LazyLock::new(all_files);
    &FILES
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
    let robots = Asset::new(content_type(ROBOTS), Caching::Revalidate, include_str!("../assets/robots.txt"));
    Files::iter().filter_map(asset).chain([(ROBOTS.into(), robots)]).collect()
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The paths in the source of the page's router. Paths of children have no slash at their beginning.
    fn routes_of_router() -> BTreeSet<String> {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../web/src/router.ts");
        let source = std::fs::read_to_string(file).unwrap();
        let (mut parent, mut routes) = ("", BTreeSet::new());
        for path in source.split("path: '").skip(1).filter_map(|rest| rest.split('\'').next()) {
            if path.contains(":rest") {
                continue;
            }
            if path.starts_with('/') {
                parent = path;
            }
            let whole = match path {
                "" => parent.to_owned(),
                _ if path.starts_with('/') => path.to_owned(),
                child => format!("{parent}/{child}"),
            };
            let segments = whole.split('/').map(|part| if part.starts_with(':') { "{id}" } else { part });
            routes.insert(segments.collect::<Vec<_>>().join("/"));
        }
        routes
    }

    #[test]
    fn page_routes_of_the_server_are_those_of_the_pages_router() {
        let known: BTreeSet<String> = PAGE_ROUTES.iter().map(|&route| route.to_owned()).collect();
        assert_eq!(known, routes_of_router(), "PAGE_ROUTES (left) and web/src/router.ts (right)");
    }

    #[test]
    fn path_is_matched_to_a_page_by_the_rules_of_the_pages_router() {
        for page in ["/", "/movies/x", "/Movies/%E0%B8%81", "/bookings", "/bookings/", "/bookings/x/", "/admin/mail"] {
            assert!(is_page(page), "{page}");
        }
        for other in ["/movies", "/movies/", "/movies//", "/movies/x/y", "//", "/x", "/admin/x", "/bookingsx", "/{id}"]
        {
            assert!(!is_page(other), "{other}");
        }
    }

    #[test]
    fn crawlers_may_read_the_programme_and_no_personal_page() {
        let text = include_str!("../assets/robots.txt");
        let rules: Vec<(&str, &str)> = text.lines().filter_map(|line| line.split_once(": ")).collect();
        // RFC 9309: the longest rule that fits decides.
        let may_read = |path: &str| {
            let fitting = rules.iter().filter(|(kind, rule)| *kind != "User-agent" && path.starts_with(rule));
            fitting.max_by_key(|(_, rule)| rule.len()).is_none_or(|(kind, _)| *kind == "Allow")
        };
        for open in ["/", "/movies/x", "/screenings/x", "/api/movies", "/api/screenings/x", "/api/site", "/posters/x"] {
            assert!(may_read(open), "{open}");
        }
        for closed in ["/api/auth/google/login", "/api/admin/movies", "/admin", "/admin/mail", "/pay/x", "/bookings/x"]
        {
            assert!(!may_read(closed), "{closed}");
        }
    }
}
