//! What handlers take from a request, refused in the contract's order: 415, 413, 400, 422.

use std::convert::Infallible;

use axum::{
    body::Body,
    extract::{FromRequest, FromRequestParts, Path, Request},
    http::{HeaderMap, header, request::Parts},
};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use seatkeeper_core::ports::{Cursor, PAGE_ITEMS_DEFAULT, PAGE_ITEMS_MAX, PageRequest};
use serde::{Deserialize, de::DeserializeOwned};
use utoipa::IntoParams;

use crate::{
    error::{ApiError, ApiResult, ErrorCode},
    state::App,
};

/// The largest body of a call, in bytes; pictures have their own limit.
pub const BODY_BYTES_MAX: usize = 64 * 1024;
/// The longest `Idempotency-Key`, in characters.
pub const IDEMPOTENCY_KEY_CHARS_MAX: usize = 255;

/// A JSON body. Unknown fields are ignored.
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned> FromRequest<App> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &App) -> ApiResult<Self> {
        let (parts, body) = request.into_parts();
        let bytes = read_json(&parts.headers, body).await?;
        parse_json(&bytes).map(Self)
    }
}

/// A body that says it is JSON, as sent: for calls that may be repeated with an `Idempotency-Key`, which compares bytes.
#[derive(Debug)]
pub struct RawJson(pub Bytes);

impl FromRequest<App> for RawJson {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &App) -> ApiResult<Self> {
        let (parts, body) = request.into_parts();
        read_json(&parts.headers, body).await.map(Self)
    }
}

/// Reads a body that says it is JSON.
async fn read_json(headers: &HeaderMap, body: Body) -> ApiResult<Bytes> {
    if !is_json(headers) {
        return Err(ApiError::new(ErrorCode::UnsupportedMediaType).detail("send Content-Type: application/json"));
    }
    read_body(headers, body, BODY_BYTES_MAX).await
}

/// Whether the content type is JSON.
#[must_use]
pub fn is_json(headers: &HeaderMap) -> bool {
    let Some(Ok(kind)) = headers.get(header::CONTENT_TYPE).map(|value| value.to_str()) else { return false };
    let essence = kind.split(';').next().unwrap_or(kind).trim();
    let Some((main, sub)) = essence.split_once('/') else { return false };
    let is_suffix =
        sub.len() > 5 && sub.is_char_boundary(sub.len() - 5) && sub[sub.len() - 5..].eq_ignore_ascii_case("+json");
    main.eq_ignore_ascii_case("application") && (sub.eq_ignore_ascii_case("json") || is_suffix)
}

/// Reads a body of at most `bytes_max`.
///
/// # Errors
/// `too_large`; `bad_request` when it breaks off.
pub async fn read_body(headers: &HeaderMap, body: Body, bytes_max: usize) -> ApiResult<Bytes> {
    let too_large = || ApiError::new(ErrorCode::TooLarge).detail(format!("at most {bytes_max} bytes"));
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > bytes_max as u64) {
        return Err(too_large());
    }
    match Limited::new(body, bytes_max).collect().await {
        Ok(read) => Ok(read.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
        Err(_) => Err(ApiError::new(ErrorCode::BadRequest).detail("the body broke off")),
    }
}

/// Reads JSON: 400 when it is none, 422 with the field when it is not what is asked for.
///
/// # Errors
/// `bad_request`, `invalid`.
pub fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> ApiResult<T> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        // Whether it is JSON at all decides between the two; only refused bodies pay for asking.
        match serde_json::from_slice::<serde::de::IgnoredAny>(bytes) {
            Ok(_) => ApiError::invalid(&field_name(error.path(), error.inner()), &plain_reason(error.inner())),
            Err(syntax) => not_json(&syntax),
        }
    })?;
    reader.end().map_err(|error| not_json(&error))?;
    Ok(value)
}

fn not_json(error: &serde_json::Error) -> ApiError {
    ApiError::new(ErrorCode::BadRequest).detail(format!("not JSON: {error}"))
}

/// The path of the field; for a missing one the path of the object and its name.
fn field_name(path: &serde_path_to_error::Path, error: &dyn std::fmt::Display) -> String {
    let text = error.to_string();
    let missing = text.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
    let path = path.to_string();
    match (path.as_str(), missing) {
        (".", Some(name)) => name.to_owned(),
        (".", None) => "body".to_owned(),
        (_, Some(name)) => format!("{path}.{name}"),
        (_, None) => path,
    }
}

/// The reason without the place in the text, which the field's name says better.
fn plain_reason(error: &dyn std::fmt::Display) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.clone(), |(reason, _)| reason.to_owned())
}

/// A query string: 422 `invalid` for values that are not what is asked for.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<App> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> ApiResult<Self> {
        parse_query(parts.uri.query().unwrap_or_default()).map(Self)
    }
}

/// Reads a query string.
///
/// # Errors
/// `invalid`.
pub fn parse_query<T: DeserializeOwned>(query: &str) -> ApiResult<T> {
    let pairs = url::form_urlencoded::parse(query.as_bytes());
    serde_path_to_error::deserialize(serde_urlencoded::Deserializer::new(pairs)).map_err(|error| {
        let text = error.inner().to_string();
        let twice = text.strip_prefix("duplicate field `").and_then(|rest| rest.split('`').next());
        match twice {
            Some(name) => ApiError::invalid(name, "given twice"),
            None => ApiError::invalid(&field_name(error.path(), error.inner()), &text),
        }
    })
}

/// The `{id}` of a path as text. What cannot be an id names something that does not exist, so this never refuses.
#[derive(Debug)]
pub struct PathId(pub String);

impl PathId {
    /// The id, or `missing`.
    ///
    /// # Errors
    /// `missing`.
    pub fn parse<T>(&self, parse: impl Fn(&str) -> Option<T>, missing: ErrorCode) -> ApiResult<T> {
        parse(&self.0).ok_or_else(|| missing.into())
    }
}

impl FromRequestParts<App> for PathId {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> ApiResult<Self> {
        let id = Path::<String>::from_request_parts(parts, app).await;
        Ok(Self(id.map_or_else(|_| String::new(), |Path(id)| id)))
    }
}

/// `?cursor=…&limit=…`.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageParams {
    /// Where the page before ended: its `next_cursor`.
    pub cursor: Option<String>,
    /// How many items, 1 to 200; 50 when left out.
    #[param(minimum = 1, maximum = 200, default = 50)]
    pub limit: Option<u32>,
}

impl PageParams {
    /// The page that is meant.
    ///
    /// # Errors
    /// `invalid` with the field.
    pub fn page(&self) -> ApiResult<PageRequest> {
        let limit = self.limit.unwrap_or(PAGE_ITEMS_DEFAULT);
        if !(1..=PAGE_ITEMS_MAX).contains(&limit) {
            return Err(ApiError::invalid("limit", "1 to 200"));
        }
        let cursor = self.cursor.as_deref().map(|text| {
            Cursor::parse(text)
                .ok_or_else(|| ApiError::invalid("cursor", "not one that a page of this list ended with"))
        });
        Ok(PageRequest { after: cursor.transpose()?, limit })
    }
}

/// A page, and nothing else, from the query.
#[derive(Debug)]
pub struct PageQuery(pub PageRequest);

impl FromRequestParts<App> for PageQuery {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> ApiResult<Self> {
        let Query(params) = Query::<PageParams>::from_request_parts(parts, app).await?;
        params.page().map(Self)
    }
}

/// The `Idempotency-Key`, if there is one. Whether it is a good one is asked later: a body that is not JSON is refused first.
#[derive(Debug)]
pub struct IdempotencyKeyHeader(pub ApiResult<Option<String>>);

impl IdempotencyKeyHeader {
    fn parse(headers: &HeaderMap) -> ApiResult<Option<String>> {
        let refusal = || ApiError::invalid("Idempotency-Key", "1 to 255 printable characters, once");
        let mut values = headers.get_all("idempotency-key").iter();
        let (first, second) = (values.next(), values.next());
        let Some(value) = first else { return Ok(None) };
        let text = value.to_str().map_err(|_| refusal())?;
        let fits =
            (1..=IDEMPOTENCY_KEY_CHARS_MAX).contains(&text.len()) && text.bytes().all(|b| (32..127).contains(&b));
        if fits && second.is_none() { Ok(Some(text.to_owned())) } else { Err(refusal()) }
    }
}

impl FromRequestParts<App> for IdempotencyKeyHeader {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Infallible> {
        Ok(Self(Self::parse(&parts.headers)))
    }
}
