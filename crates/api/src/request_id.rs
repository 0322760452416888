//! Request ids, which appear in response headers, error documents, log lines and events.

use std::{
    fmt,
    future::Future,
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::http::HeaderValue;

/// Length of a request id, in characters: 12 that are random per run of the program, and 8 of a counter.
const CHARS: usize = 20;

tokio::task_local! {
    static CURRENT: RequestId;
}

/// The id of one request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RequestId([u8; CHARS]);

impl RequestId {
    /// Generates the next id. An `X-Request-Id` sent by a client is ignored.
    #[must_use]
    pub fn next() -> Self {
        static RUN: OnceLock<u64> = OnceLock::new();
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let run = *RUN.get_or_init(rand::random::<u64>);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let mut text = [0; CHARS];
        write_hex(&mut text[..12], run);
        write_hex(&mut text[12..], count);
        Self(text)
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The id as the value of the `X-Request-Id` header.
    #[must_use]
    pub fn header(&self) -> HeaderValue {
        HeaderValue::from_bytes(&self.0).unwrap_or_else(|_| HeaderValue::from_static(""))
    }

    /// Runs `work` with this id as the task's current request id.
    pub fn scope<F: Future>(self, work: F) -> impl Future<Output = F::Output> {
        CURRENT.scope(self, work)
    }
}

fn write_hex(text: &mut [u8], mut number: u64) {
    for digit in text.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(number & 15) as usize];
        number >>= 4;
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The id of the request for which this task runs, if any.
#[must_use]
pub fn current() -> Option<RequestId> {
    CURRENT.try_with(|id| *id).ok()
}

/// Wraps `work` so that it keeps the current request id when it runs in another task.
pub fn with_current<F: Future>(work: F) -> impl Future<Output = F::Output> {
    let id = current();
    async move {
        match id {
            Some(id) => id.scope(work).await,
            None => work.await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_has_its_own_id() {
        let (one, two) = (RequestId::next(), RequestId::next());
        assert_ne!(one.as_str(), two.as_str());
        assert_eq!(one.as_str().len(), CHARS);
        assert_eq!(one.header(), one.as_str());
    }

    #[tokio::test]
    async fn scope_sets_the_current_request_id() {
        let id = RequestId::next();
        assert!(id.scope(async { current() }).await == Some(id));
        assert!(current().is_none());
    }
}
