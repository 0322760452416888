//! The OpenAPI document, and a page that shows it.

use std::sync::LazyLock;

use axum::{http::HeaderMap, response::Response};

use crate::{
    asset::{Asset, Caching},
    error::{ApiResult, ErrorCode},
    extract::PathId,
};

// A test checks that this file equals the document generated from the code.
static DOCUMENT: LazyLock<Asset> = LazyLock::new(|| file("application/json", include_str!("../../../../openapi.json")));
static PAGE: LazyLock<Asset> =
    LazyLock::new(|| file("text/html; charset=utf-8", include_str!("../../assets/docs.html")));
static SCRIPT: LazyLock<Asset> =
    LazyLock::new(|| file("text/javascript; charset=utf-8", include_str!("../../assets/docs.js")));
static STYLE: LazyLock<Asset> =
    LazyLock::new(|| file("text/css; charset=utf-8", include_str!("../../assets/docs.css")));

fn file(content_type: &'static str, text: &'static str) -> Asset {
    Asset::new(content_type, Caching::Revalidate, text)
}

/// This document
#[utoipa::path(get, path = "/api/openapi.json", tag = "Operations",
    responses((status = 200, body = Object), (status = 304, description = "Not modified since the `ETag` of the request")))]
pub(crate) async fn get_openapi(headers: HeaderMap) -> Response {
    DOCUMENT.answer(&headers)
}

/// This document, to read
#[utoipa::path(get, path = "/docs", tag = "Operations",
    responses((status = 200, body = String, content_type = "text/html"), (status = 304, description = "Not modified since the `ETag` of the request")))]
pub(crate) async fn get_docs(headers: HeaderMap) -> Response {
    PAGE.answer(&headers)
}

/// Script and style of the documentation page
#[utoipa::path(get, path = "/docs/{file}", tag = "Operations", params(("file" = String, Path)),
    responses((status = 200, body = String, content_type = "text/*"), (status = 304, description = "Not modified since the `ETag` of the request"),
        (status = 404, description = "`not_found`")))]
pub(crate) async fn get_docs_file(file: PathId, headers: HeaderMap) -> ApiResult<Response> {
    match file.0.as_str() {
        "docs.js" => Ok(SCRIPT.answer(&headers)),
        "docs.css" => Ok(STYLE.answer(&headers)),
        _ => Err(ErrorCode::NotFound.into()),
    }
}
