//! Requests that a well-behaved client would not send.

use reqwest::{Body, Method};

use super::{Answer, TestPerson};

impl TestPerson {
    /// Sends a request with only these headers and this body, without the headers that the client adds by default.
    pub(crate) async fn raw(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let mut request = self.request(method.parse::<Method>().unwrap(), path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(body)).await
    }

    /// Sends a JSON POST with one additional header.
    pub(crate) async fn post_with(&self, header: (&str, &str), path: &str, body: &str) -> Answer {
        self.raw("POST", path, &[("content-type", "application/json"), header], body.to_owned()).await
    }

    /// Sends a WebSocket handshake as an ordinary request, so that the response can be read.
    pub(crate) async fn knock(&self, query: &str, headers: &[(&str, &str)]) -> Answer {
        let upgrade = [
            ("connection", "Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        let headers: Vec<_> = upgrade.iter().chain(headers).copied().collect();
        self.raw("GET", &format!("/api/ws?{query}"), &headers, "").await
    }
}

/// The name of the field that a response 422 `invalid` reports.
#[track_caller]
pub(crate) fn invalid_field(answer: Answer) -> String {
    let body = answer.refused(422, "invalid");
    let errors = body["errors"].as_array().unwrap();
    assert!(errors.iter().all(|error| error["why"].is_string()), "{body}");
    let fields: Vec<&str> = errors.iter().map(|error| error["field"].as_str().unwrap()).collect();
    fields.join(" ")
}
