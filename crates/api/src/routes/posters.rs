//! Pictures of films.

use std::time::Duration;

use axum::{
    Extension, Json,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use seatkeeper_core::{ids::PosterId, invalid::Rule, ports::Poster};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    auth::Admin,
    error::{ApiError, ApiResult, ErrorCode},
    extract::PathId,
    page,
    poster_cache::{PosterToSend, pin},
    request_body::read_body_within,
    state::App,
    unsent::SharedBytes,
};

/// Maximum size of an uploaded picture, in bytes.
const POSTER_BYTES_MAX: usize = 5 * 1024 * 1024;
/// Timeout of receiving an upload. It is shorter than the timeout of a whole request, and longer than for other bodies,
/// because only administrators upload.
const POSTER_WAIT_MAX: Duration = Duration::from_secs(15);
/// Content security policy of pictures. Without it an SVG opened as a document could run scripts.
const DRAWING_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox";

/// An uploaded picture.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UploadedPoster {
    /// The value for a film's `poster_url`.
    #[schema(example = "/posters/0193f0c4-7a3e-7c4d-9a51-3f2b8c6d1e00")]
    pub poster_url: String,
}

/// Whether the content begins with the magic bytes of its content type.
fn is_what_it_says(content_type: &str, bytes: &[u8]) -> bool {
    match content_type {
        "image/png" => bytes.starts_with(b"\x89PNG\r\n\x1a\n"),
        "image/jpeg" => bytes.starts_with(b"\xff\xd8\xff"),
        "image/webp" => bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP"),
        "image/svg+xml" => is_drawing(bytes),
        _ => false,
    }
}

/// Whether the content is an SVG: text whose first element is `svg`, after declarations and comments.
fn is_drawing(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let mut rest = text.trim_start_matches('\u{feff}').trim_start();
    loop {
        let end = match rest {
            _ if rest.starts_with("<!--") => "-->",
            _ if rest.starts_with("<?") => "?>",
            _ if rest.starts_with("<!") => ">",
            _ => {
                return rest
                    .strip_prefix("<svg")
                    .is_some_and(|after| after.starts_with([' ', '\t', '\r', '\n', '>', '/']));
            }
        };
        let Some((_, after)) = rest.split_once(end) else { return false };
        rest = after.trim_start();
    }
}

fn picture_type(headers: &HeaderMap) -> Option<&'static str> {
    let kind = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let essence = kind.split(';').next()?.trim();
    let known = ["image/png", "image/jpeg", "image/webp", "image/svg+xml"];
    known.into_iter().find(|known| known.eq_ignore_ascii_case(essence))
}

/// Uploads a picture
///
/// The picture itself is the body: PNG, JPEG, WebP or SVG, at most 5 MiB.
#[utoipa::path(post, path = "/api/admin/posters", tag = "For administrators: programme", security(("session" = [])),
    request_body(content((Vec<u8> = "image/png"), (Vec<u8> = "image/jpeg"), (Vec<u8> = "image/webp"), (Vec<u8> = "image/svg+xml"))),
    responses((status = 201, body = UploadedPoster)))]
pub(crate) async fn upload_poster(
    State(app): State<App>,
    _: Admin,
    request: Request,
) -> ApiResult<(StatusCode, Json<UploadedPoster>)> {
    let (parts, body) = request.into_parts();
    let content_type = picture_type(&parts.headers).ok_or_else(|| {
        ApiError::new(ErrorCode::UnsupportedMediaType).detail("image/png, image/jpeg, image/webp or image/svg+xml")
    })?;
    let bytes = read_body_within(POSTER_WAIT_MAX, &parts, body, POSTER_BYTES_MAX).await?;
    if !is_what_it_says(content_type, &bytes) {
        return Err(ApiError::invalid("body", Rule::PictureType { content_type: content_type.to_owned() }));
    }
    let office = &app.office;
    let id = PosterId::generate(office.now(), &*office.entropy);
    office.stores.posters.put_poster(&Poster { id, content_type: content_type.to_owned(), bytes }).await?;
    Ok((StatusCode::CREATED, Json(UploadedPoster { poster_url: format!("/posters/{id}") })))
}

/// A picture
#[utoipa::path(get, path = "/posters/{id}", tag = "What is on", params(("id" = String, Path)),
    responses((status = 200, body = Vec<u8>, content_type = "image/*"), (status = 404, description = "`not_found`")))]
pub(crate) async fn get_poster(State(app): State<App>, id: PathId, headers: HeaderMap) -> ApiResult<Response> {
    // Pictures built into the page share this path with uploaded ones.
    if let Some(file) = page::get_file(&format!("posters/{}", id.0), &headers) {
        return Ok(file);
    }
    let id = id.parse(PosterId::parse, ErrorCode::NotFound)?;
    let poster = app.posters.find(&*app.office.stores.posters, id).await?.ok_or(ErrorCode::NotFound)?;
    let headers = [
        (header::CONTENT_TYPE, poster.content_type()),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
        (header::CONTENT_SECURITY_POLICY, DRAWING_POLICY),
    ]
    .map(|(name, value)| (name, value.to_owned()));
    Ok(match poster {
        PosterToSend::Shared(poster) => (Extension(SharedBytes), headers, pin(poster)).into_response(),
        PosterToSend::Own(poster) => (headers, poster.bytes).into_response(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn picture_content_must_match_its_type() {
        assert!(is_what_it_says("image/png", b"\x89PNG\r\n\x1a\n..."));
        assert!(is_what_it_says("image/jpeg", b"\xff\xd8\xff\xe0"));
        assert!(is_what_it_says("image/webp", b"RIFF....WEBPVP8 "));
        assert!(!is_what_it_says("image/webp", b"RIFF....WAVE"));
        assert!(!is_what_it_says("image/png", b"\xff\xd8\xff") && !is_what_it_says("image/png", b""));
        for drawing in [
            "<svg xmlns='http://www.w3.org/2000/svg'/>",
            "\u{feff}<?xml version='1.0'?>\n<!-- hall --><!DOCTYPE svg>\n<svg>",
        ] {
            assert!(is_what_it_says("image/svg+xml", drawing.as_bytes()), "{drawing}");
        }
        for other in ["<html><svg/></html>", "<svgx/>", "svg", "<!-- <svg> ", ""] {
            assert!(!is_what_it_says("image/svg+xml", other.as_bytes()), "{other}");
        }
    }
}
