//! A response of the server.

use reqwest::header::HeaderMap;
use serde_json::Value;

/// Status, headers and JSON body (`Null` when there is none).
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) async fn read(response: reqwest::Response) -> Self {
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let url = response.url().clone();
        let text = response.text().await.unwrap_or_default();
        super::times::check(url.as_str(), &text);
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Self { status, headers, text, body }
    }

    /// Asserts the status and returns the body.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.body
    }

    /// Asserts the status and returns the body; `None` when the call was refused with this code instead.
    #[track_caller]
    pub(crate) fn expect_unless(self, status: u16, code: &str) -> Option<Value> {
        if self.code() == code { None } else { Some(self.expect(status)) }
    }

    /// Asserts a refusal: a well-formed problem document with this status and code.
    #[track_caller]
    pub(crate) fn refused(self, status: u16, code: &str) -> Value {
        assert_eq!((self.status, self.code()), (status, code), "{}", self.text);
        let content_type = self.header("content-type");
        assert!(content_type.starts_with("application/problem+json"), "{content_type}");
        for field in ["type", "title", "detail", "request_id"] {
            assert!(self.body[field].is_string(), "{field} in {}", self.text);
        }
        assert_eq!(self.body["status"], status, "{}", self.text);
        assert_eq!(self.body["request_id"], self.header("x-request-id"), "{}", self.text);
        if matches!(status, 429 | 503) {
            assert!(!self.header("retry-after").is_empty(), "no Retry-After");
        }
        self.body
    }

    pub(crate) fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}
