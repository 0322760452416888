//! Drains the part of a request's body that its handler did not read. Closing a connection with unread data resets it,
//! and the client may lose the response that says why the request was refused. So the rest is read and discarded,
//! within limits.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use axum::body::Body;
use hyper::{
    Request,
    body::{Body as HttpBody, Bytes, Frame, Incoming, SizeHint},
    header::EXPECT,
};

/// Limit of the bytes that are discarded: slightly more than the largest body that any call accepts.
const DISCARDED_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Time limit of discarding a body.
const DISCARD_MAX: Duration = Duration::from_secs(2);

/// The body as the handler reads it.
struct Shared(Arc<Mutex<Incoming>>);

/// The same body, to be discarded after the handler has responded.
pub(crate) struct Unread(Arc<Mutex<Incoming>>);

/// Replaces a request's body with one that is shared: the handler reads the body, and the returned handle discards the
/// rest. Returns no handle when the body is empty.
pub(crate) fn share_body(request: Request<Incoming>) -> (Request<Body>, Option<Unread>) {
    // A client that sent `Expect: 100-continue` does not send a refused body, so there is nothing to discard.
    if request.body().is_end_stream() || request.headers().contains_key(EXPECT) {
        return (request.map(Body::new), None);
    }
    let (head, body) = request.into_parts();
    let body = Arc::new(Mutex::new(body));
    (Request::from_parts(head, Body::new(Shared(Arc::clone(&body)))), Some(Unread(body)))
}

fn lock(body: &Mutex<Incoming>) -> MutexGuard<'_, Incoming> {
    body.lock().unwrap_or_else(PoisonError::into_inner)
}

impl HttpBody for Shared {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        Pin::new(&mut *lock(&self.0)).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        lock(&self.0).is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        lock(&self.0).size_hint()
    }
}

impl Unread {
    /// Reads and discards the rest of the body, within the limits.
    pub(crate) async fn discard(self) {
        if lock(&self.0).is_end_stream() || lock(&self.0).size_hint().lower() > DISCARDED_BYTES_MAX {
            return;
        }
        // The connection is closed after the response, whether or not all of the rest was read in time.
        drop(tokio::time::timeout(DISCARD_MAX, self.read_to_end()).await);
    }

    async fn read_to_end(&self) {
        let mut discarded = 0;
        while discarded <= DISCARDED_BYTES_MAX {
            let frame = poll_fn(|cx| Pin::new(&mut *lock(&self.0)).poll_frame(cx)).await;
            let Some(Ok(frame)) = frame else { return };
            discarded += frame.data_ref().map_or(0, |data| data.len() as u64);
        }
    }
}
