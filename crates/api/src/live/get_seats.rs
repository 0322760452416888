//! `GET /api/screenings/{id}/seats`.

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use seatkeeper_core::ids::ScreeningId;

use super::seat_map::{SeatMap, SeatMapBody};
use crate::{
    error::{ApiResult, ErrorCode},
    extract::PathId,
    state::App,
};

/// All seats of a screening
///
/// One numbering with the frames of `/api/ws`: after this answer apply the next frame whose `prev` is not greater than
/// its `seq`. Send the `ETag` back in `If-None-Match` to be told that nothing has changed.
#[utoipa::path(
    get,
    path = "/api/screenings/{id}/seats",
    tag = "What is on",
    params(("id" = String, Path, description = "The screening"), ("If-None-Match" = Option<String>, Header, description = "An `ETag` at hand")),
    responses(
        (status = 200, description = "The map", body = SeatMap<'_>, headers(("ETag" = String, description = "A hash of the body"))),
        (status = 304, description = "The map at hand is still true"),
        (status = 404, description = "`screening_not_found`"),
        (status = 503, description = "`try_again`: the seats cannot be read just now"),
    )
)]
pub(super) async fn list_seats(State(app): State<App>, id: PathId, headers: HeaderMap) -> ApiResult<Response> {
    let id = id.parse(ScreeningId::parse, ErrorCode::ScreeningNotFound)?;
    let screening = app.office.find_screening(id).await?.ok_or(ErrorCode::ScreeningNotFound)?;
    let body = app.rooms.seat_map_body(&screening).await?;
    Ok(answer(&body, &headers))
}

fn answer(body: &SeatMapBody, request: &HeaderMap) -> Response {
    let marks = [
        (header::ETAG, body.etag.clone()),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (header::VARY, HeaderValue::from_static("accept-encoding")),
    ];
    if has_mark(request, &body.etag) {
        return (StatusCode::NOT_MODIFIED, marks).into_response();
    }
    let json = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    if accepts_gzip(request) {
        let encoding = [(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"))];
        return (marks, json, encoding, Body::from(body.gzip())).into_response();
    }
    (marks, json, Body::from(body.json.clone())).into_response()
}

/// Whether the client has this very body. Marks are compared weakly, as RFC 9110 says for `If-None-Match`.
fn has_mark(request: &HeaderMap, etag: &HeaderValue) -> bool {
    let lines = request.get_all(header::IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok());
    let mut marks = lines.flat_map(|line| line.split(',')).map(str::trim);
    marks.any(|mark| mark == "*" || mark.strip_prefix("W/").unwrap_or(mark).as_bytes() == etag.as_bytes())
}

/// Whether the client said that it takes gzip.
fn accepts_gzip(request: &HeaderMap) -> bool {
    let lines = request.get_all(header::ACCEPT_ENCODING).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|coding| {
        let (name, q) = coding.split_once(';').unwrap_or((coding, "q=1"));
        let refused = q.trim().strip_prefix("q=").is_some_and(|q| q.trim().parse::<f32>().is_ok_and(|q| q <= 0.0));
        name.trim().eq_ignore_ascii_case("gzip") && !refused
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: header::HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn a_mark_is_recognised_in_every_spelling() {
        let etag = HeaderValue::from_static("\"abc\"");
        for mine in ["\"abc\"", "W/\"abc\"", "*", "\"x\", \"abc\""] {
            assert!(has_mark(&headers(header::IF_NONE_MATCH, mine), &etag), "{mine}");
        }
        for other in ["\"abd\"", "abc", "", "W/"] {
            assert!(!has_mark(&headers(header::IF_NONE_MATCH, other), &etag), "{other}");
        }
    }

    #[test]
    fn gzip_is_for_those_who_ask() {
        for yes in ["gzip", "br, gzip;q=0.5", "deflate,GZIP"] {
            assert!(accepts_gzip(&headers(header::ACCEPT_ENCODING, yes)), "{yes}");
        }
        for no in ["br", "gzip;q=0", "gzip; q=0.0", "", "identity"] {
            assert!(!accepts_gzip(&headers(header::ACCEPT_ENCODING, no)), "{no}");
        }
    }
}
