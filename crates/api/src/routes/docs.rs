//! The description of all calls, for programs and for people.

use std::sync::OnceLock;

use axum::{
    http::header,
    response::{IntoResponse, Response},
};
use bytes::Bytes;

use crate::{
    error::{ApiResult, ErrorCode},
    extract::PathId,
    openapi,
};

const PAGE: &str = include_str!("../../assets/docs.html");
const SCRIPT: &str = include_str!("../../assets/docs.js");
const STYLE: &str = include_str!("../../assets/docs.css");

/// This document
#[utoipa::path(get, path = "/api/openapi.json", tag = "Operations", responses((status = 200, body = Object)))]
pub(crate) async fn get_openapi() -> Response {
    static TEXT: OnceLock<Bytes> = OnceLock::new();
    let text = TEXT.get_or_init(|| Bytes::from(openapi::text())).clone();
    ([(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-cache")], text).into_response()
}

/// This document, to read
#[utoipa::path(get, path = "/docs", tag = "Operations", responses((status = 200, body = String, content_type = "text/html")))]
pub(crate) async fn get_docs() -> Response {
    axum::response::Html(PAGE).into_response()
}

/// What the page needs
#[utoipa::path(get, path = "/docs/{file}", tag = "Operations", params(("file" = String, Path)),
    responses((status = 200, body = String, content_type = "text/*"), (status = 404, description = "`not_found`")))]
pub(crate) async fn get_docs_file(file: PathId) -> ApiResult<Response> {
    let (kind, text) = match file.0.as_str() {
        "docs.js" => ("text/javascript; charset=utf-8", SCRIPT),
        "docs.css" => ("text/css; charset=utf-8", STYLE),
        _ => return Err(ErrorCode::NotFound.into()),
    };
    Ok(([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-cache")], text).into_response())
}
