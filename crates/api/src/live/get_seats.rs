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
    negotiation,
    state::App,
};

/// All seats of a screening
///
/// One numbering with the frames of `/api/ws`: after this answer apply the next frame whose `prev` is not greater than
/// its `seq`. Send the `ETag` in `If-None-Match` to get 304 while nothing has changed.
#[utoipa::path(
    get,
    path = "/api/screenings/{id}/seats",
    tag = "What is on",
    params(("id" = String, Path, description = "The screening"), ("If-None-Match" = Option<String>, Header, description = "The `ETag` of an earlier answer")),
    responses(
        (status = 200, description = "The map", body = SeatMap<'_>, headers(("ETag" = String, description = "A hash of the body"))),
        (status = 304, description = "Not modified since the `ETag` of the request"),
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
    if negotiation::has_mark(request, &body.etag) {
        return (StatusCode::NOT_MODIFIED, marks).into_response();
    }
    let json = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    if negotiation::accepts(request, "gzip") {
        let encoding = [(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"))];
        return (marks, json, encoding, Body::from(body.gzip())).into_response();
    }
    (marks, json, Body::from(body.json.clone())).into_response()
}
