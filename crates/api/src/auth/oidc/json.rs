//! Reads single members of the provider's JSON. A member that the program does not use, or an optional one of a wrong
//! type, must not decide about a sign-in, so nothing is deserialized into types of whole documents.

use openidconnect::{HttpRequest, HttpResponse};
use serde_json::Value;

use super::{
    back_channel::BackChannel,
    error::{OidcError, unavailable},
};

/// Sends a request to the provider.
pub(super) async fn send(back: &BackChannel, request: HttpRequest) -> Result<HttpResponse, OidcError> {
    back.ask(request).await.map_err(|error| unavailable(&error))
}

/// Gets a JSON document from the provider.
pub(super) async fn get(back: &BackChannel, address: &str) -> Result<Value, OidcError> {
    let request = openidconnect::http::Request::get(address).header("accept", "application/json").body(Vec::new());
    let answer = send(back, request.map_err(|error| unavailable(&error))?).await?;
    if answer.status() != openidconnect::http::StatusCode::OK {
        return Err(OidcError::Unavailable(format!("{address} answered {}", answer.status())));
    }
    // The text of the error may quote the answer, so it is not shown.
    serde_json::from_slice(answer.body()).map_err(|_| OidcError::Unavailable(format!("{address} answered no JSON")))
}

/// A member that is a text; `None` if it is missing, empty or something else.
pub(super) fn text<'v>(object: &'v Value, name: &str) -> Option<&'v str> {
    object.get(name)?.as_str().filter(|text| !text.is_empty())
}

/// The texts of a member that is one text or a list.
pub(super) fn texts<'v>(object: &'v Value, name: &str) -> Vec<&'v str> {
    match object.get(name) {
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect(),
        other => other.and_then(Value::as_str).into_iter().collect(),
    }
}

/// A member that is a time, in whole seconds since 1970. Some providers write fractions.
pub(super) fn seconds(object: &Value, name: &str) -> Option<i64> {
    let number = object.get(name)?;
    // The cast saturates.
    number.as_i64().or_else(|| number.as_f64().map(|seconds| seconds.floor() as i64))
}
