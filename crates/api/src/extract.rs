//! Extractors for handlers. They check a request in the order of the API contract: content type (415), size (413), JSON
//! syntax (400), fields (422).

use std::convert::Infallible;

use axum::{
    body::Body,
    extract::{FromRequest, FromRequestParts, Path, Request},
    http::{HeaderMap, header, request::Parts},
};
use bytes::Bytes;
use seatkeeper_core::{
    invalid::Rule,
    ports::{Cursor, PAGE_ITEMS_DEFAULT, PAGE_ITEMS_MAX, PageRequest},
};
use serde::{Deserialize, de::DeserializeOwned};
use utoipa::IntoParams;

use crate::{
    error::{ApiError, ApiResult, ErrorCode},
    request_body::{BODY_BYTES_MAX, read_body},
};

/// The longest `Idempotency-Key`, in characters.
pub const IDEMPOTENCY_KEY_CHARS_MAX: usize = 255;

/// A JSON body. Unknown fields are ignored.
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> ApiResult<Self> {
        let (parts, body) = request.into_parts();
        let bytes = read_json(&parts, body).await?;
        parse_json(&bytes).map(Self)
    }
}

/// The raw bytes of a body with a JSON content type, for calls with an `Idempotency-Key`: a repeated call is recognised
/// by the hash of these bytes.
#[derive(Debug)]
pub struct RawJson(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for RawJson {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> ApiResult<Self> {
        let (parts, body) = request.into_parts();
        read_json(&parts, body).await.map(Self)
    }
}

/// Reads a body with a JSON content type.
async fn read_json(request: &Parts, body: Body) -> ApiResult<Bytes> {
    if !is_json(&request.headers) {
        return Err(ApiError::new(ErrorCode::UnsupportedMediaType).detail("send Content-Type: application/json"));
    }
    read_body(request, body, BODY_BYTES_MAX).await
}

/// Whether the content type is JSON.
#[must_use]
pub fn is_json(headers: &HeaderMap) -> bool {
    let Some(kind) = headers.get(header::CONTENT_TYPE) else { return false };
    // Fast path for the usual value.
    if kind == "application/json" {
        return true;
    }
    let Ok(kind) = kind.to_str() else { return false };
    let essence = kind.split(';').next().unwrap_or(kind).trim();
    let Some((main, sub)) = essence.split_once('/') else { return false };
    let is_suffix =
        sub.len() > 5 && sub.is_char_boundary(sub.len() - 5) && sub[sub.len() - 5..].eq_ignore_ascii_case("+json");
    main.eq_ignore_ascii_case("application") && (sub.eq_ignore_ascii_case("json") || is_suffix)
}

/// Parses JSON: 400 if it is malformed, 422 with the field if it does not match the type.
///
/// # Errors
/// `bad_request` when the JSON is malformed; `invalid` when it does not match the type.
pub fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> ApiResult<T> {
    // Reject arrays: serde would read them as the fields of a struct in order.
    if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[') {
        let is_json = serde_json::from_slice::<serde::de::IgnoredAny>(bytes);
        return Err(is_json.map_or_else(
            |error| not_json(&error),
            |_| ApiError::invalid("body", Rule::Type { reason: "an object".to_owned() }),
        ));
    }
    // Fast path; only invalid bodies are parsed again to find the field.
    if let Ok(value) = serde_json::from_slice(bytes) {
        return Ok(value);
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        // Malformed JSON is 400, well-formed JSON of another shape 422.
        match serde_json::from_slice::<serde::de::IgnoredAny>(bytes) {
            Ok(_) => ApiError::invalid(&field_name(error.path(), error.inner()), broken_rule(error.inner())),
            Err(syntax) => not_json(&syntax),
        }
    })?;
    reader.end().map_err(|error| not_json(&error))?;
    Ok(value)
}

fn not_json(error: &serde_json::Error) -> ApiError {
    ApiError::new(ErrorCode::BadRequest).detail(format!("not JSON: {error}"))
}

/// Returns the path of the invalid field in a JSON body; for a missing field, the path of its object and the field's
/// name.
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

/// Returns the rule for a parser's message, without line and column, which the field's path replaces.
fn broken_rule(error: &dyn std::fmt::Display) -> Rule {
    let text = error.to_string();
    if text.starts_with("missing field `") {
        return Rule::Required {};
    }
    Rule::Type { reason: text.rsplit_once(" at line ").map_or(text.clone(), |(reason, _)| reason.to_owned()) }
}

/// A parsed query string; values that do not match the type are refused with 422 `invalid`.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> ApiResult<Self> {
        parse_query(parts.uri.query().unwrap_or_default()).map(Self)
    }
}

/// Parses a query string.
///
/// # Errors
/// `invalid` when a value does not match the type.
pub fn parse_query<T: DeserializeOwned>(query: &str) -> ApiResult<T> {
    let pairs = url::form_urlencoded::parse(query.as_bytes());
    serde_path_to_error::deserialize(serde_urlencoded::Deserializer::new(pairs)).map_err(|error| {
        let text = error.inner().to_string();
        let twice = text.strip_prefix("duplicate field `").and_then(|rest| rest.split('`').next());
        match twice {
            Some(name) => ApiError::invalid(name, Rule::Twice {}),
            None => ApiError::invalid(&field_name(error.path(), error.inner()), broken_rule(error.inner())),
        }
    })
}

/// The `{id}` of a path as text. A malformed id is treated as not found (404), so extraction never fails.
#[derive(Debug)]
pub struct PathId(pub String);

impl PathId {
    /// Parses the id; a malformed id is refused with the code `missing`, as if it did not exist.
    ///
    /// # Errors
    /// `missing` when `parse` returns `None`.
    pub fn parse<T>(&self, parse: impl Fn(&str) -> Option<T>, missing: ErrorCode) -> ApiResult<T> {
        parse(&self.0).ok_or_else(|| missing.into())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PathId {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> ApiResult<Self> {
        let id = Path::<String>::from_request_parts(parts, state).await;
        Ok(Self(id.map_or_else(|_| String::new(), |Path(id)| id)))
    }
}

/// `?cursor=…&limit=…`.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageParams {
    /// The `next_cursor` of the previous page; left out for the first page.
    pub cursor: Option<String>,
    /// How many items, 1 to 200; 50 when left out.
    #[param(minimum = 1, maximum = 200, default = 50)]
    pub limit: Option<u32>,
}

impl PageParams {
    /// The requested page.
    ///
    /// # Errors
    /// `invalid`, with the field, for a malformed cursor or a limit out of range.
    pub fn page(&self) -> ApiResult<PageRequest> {
        let limit = self.limit.unwrap_or(PAGE_ITEMS_DEFAULT);
        if !(1..=PAGE_ITEMS_MAX).contains(&limit) {
            return Err(ApiError::invalid("limit", LIMIT_RULE));
        }
        let cursor = self
            .cursor
            .as_deref()
            .map(|text| Cursor::parse(text).ok_or_else(|| ApiError::invalid("cursor", Rule::Cursor {})));
        Ok(PageRequest { after: cursor.transpose()?, limit })
    }
}

/// The rule of a list's `limit`.
pub const LIMIT_RULE: Rule = Rule::Range { min: 1, max: PAGE_ITEMS_MAX as i64 };

/// A page from a query that has no other parameters.
#[derive(Debug)]
pub struct PageQuery(pub PageRequest);

impl<S: Send + Sync> FromRequestParts<S> for PageQuery {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> ApiResult<Self> {
        let Query(params) = Query::<PageParams>::from_request_parts(parts, state).await?;
        params.page().map(Self)
    }
}

/// The `Idempotency-Key` header, if any. The extractor accepts an invalid key; the handler refuses it later, so that a
/// malformed body is reported first.
#[derive(Debug)]
pub struct IdempotencyKeyHeader(pub ApiResult<Option<String>>);

impl IdempotencyKeyHeader {
    fn parse(headers: &HeaderMap) -> ApiResult<Option<String>> {
        let refusal = || ApiError::invalid("Idempotency-Key", Rule::IdempotencyKey { max: IDEMPOTENCY_KEY_CHARS_MAX });
        let mut values = headers.get_all("idempotency-key").iter();
        let (first, second) = (values.next(), values.next());
        let Some(value) = first else { return Ok(None) };
        let text = value.to_str().map_err(|_| refusal())?;
        let fits =
            (1..=IDEMPOTENCY_KEY_CHARS_MAX).contains(&text.len()) && text.bytes().all(|b| (32..127).contains(&b));
        if fits && second.is_none() { Ok(Some(text.to_owned())) } else { Err(refusal()) }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKeyHeader {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(Self::parse(&parts.headers)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Wanted {
        name: String,
        seats: Vec<u8>,
        inner: Option<Box<Wanted>>,
    }

    /// Status and field with which this body is refused.
    fn refused(body: &str) -> String {
        let refusal = parse_json::<Wanted>(body.as_bytes()).unwrap_err();
        let json: serde_json::Value = serde_json::from_slice(&refusal.to_json()).unwrap();
        let field = json["errors"][0]["field"].as_str().unwrap_or("-");
        format!("{} {field}", refusal.code().status().as_u16())
    }

    #[test]
    fn malformed_json_is_400_and_wrong_shape_is_422() {
        for no_json in ["", "{", "nope", "{} {}", "[", "\u{feff}{}", "{\"name\": \"a\", \"seats\": [1], }"] {
            assert_eq!(refused(no_json), "400 -", "{no_json:?}");
        }
        assert_eq!(refused("{}"), "422 name");
        assert_eq!(refused("null"), "422 body");
        assert_eq!(refused("[\"a\", [1], null]"), "422 body", "an array is not an object");
        assert_eq!(refused(r#"{"name": 1}"#), "422 name");
        assert_eq!(refused(r#"{"name": "a", "seats": [1, "2"]}"#), "422 seats[1]");
        assert_eq!(refused(r#"{"name": "a", "seats": [1], "inner": {"seats": []}}"#), "422 inner.name");
        assert_eq!(refused(r#"{"name": "a", "seats": [256]}"#), "422 seats[0]");
        let good: Wanted = parse_json(br#" {"name": "a", "seats": [1], "more": {}} "#).unwrap();
        assert_eq!(good, Wanted { name: "a".into(), seats: vec![1], inner: None });
    }

    #[test]
    fn deeply_nested_bodies_are_refused() {
        let deep = format!("{{\"x\":{}{}}}", "[".repeat(20_000), "]".repeat(20_000));
        assert!(parse_json::<Wanted>(deep.as_bytes()).is_err());
    }

    #[test]
    fn invalid_query_value_is_refused_with_its_field() {
        let field = |query: &str| {
            let refusal = parse_query::<PageParams>(query).unwrap_err();
            let json: serde_json::Value = serde_json::from_slice(&refusal.to_json()).unwrap();
            json["errors"][0]["field"].as_str().unwrap().to_owned()
        };
        assert_eq!(field("limit=x"), "limit");
        assert_eq!(field("limit=-1"), "limit");
        assert_eq!(field("limit=1&limit=2"), "limit");
        assert!(parse_query::<PageParams>("other=1").is_ok());
        for bad in [PageParams { limit: Some(0), cursor: None }, PageParams { limit: Some(201), cursor: None }] {
            assert_eq!(bad.page().unwrap_err().code(), ErrorCode::Invalid);
        }
        let bad = PageParams { cursor: Some("x".into()), limit: None };
        assert_eq!(bad.page().unwrap_err().code(), ErrorCode::Invalid);
        assert_eq!(PageParams::default().page().unwrap(), PageRequest { after: None, limit: PAGE_ITEMS_DEFAULT });
    }

    #[test]
    fn is_json_recognises_json_content_types() {
        let is = |kind: &str| is_json(&[(header::CONTENT_TYPE, kind.parse().unwrap())].into_iter().collect());
        for good in ["application/json", "Application/JSON; charset=utf-8", "application/merge-patch+json"] {
            assert!(is(good), "{good}");
        }
        for bad in ["text/json", "application/jsonp", "application/x-www-form-urlencoded", "json", ""] {
            assert!(!is(bad), "{bad}");
        }
    }

    #[test]
    fn idempotency_key_is_refused_when_empty_too_long_not_printable_or_repeated() {
        let key = |values: &[&[u8]]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append("idempotency-key", axum::http::HeaderValue::from_bytes(value).unwrap());
            }
            IdempotencyKeyHeader::parse(&headers).map_err(|refusal| refusal.code())
        };
        assert_eq!(key(&[]), Ok(None));
        assert_eq!(key(&[b"a b~"]), Ok(Some("a b~".into())));
        assert_eq!(key(&[&[b'x'; 255]]).map(|key| key.map(|key| key.len())), Ok(Some(255)));
        for bad in [&[b"".as_slice()][..], &[&[b'x'; 256]], &[b"a\tb"], &["é".as_bytes()], &[b"a", b"b"]] {
            assert_eq!(key(bad), Err(ErrorCode::Invalid), "{bad:?}");
        }
    }
}
