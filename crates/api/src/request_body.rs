//! Reads the body of a request within limits of size, time and memory. The request holds no permit while it waits.

use std::{future::poll_fn, pin::Pin, task::Poll, time::Duration};

use axum::{
    body::{Body, HttpBody},
    http::{HeaderMap, header, request::Parts},
};
use bytes::{Bytes, BytesMut};

use crate::{
    error::{ApiError, ApiResult, ErrorCode, Numbers},
    permits::{AwaitedBody, RequestPermit, busy},
};

/// Maximum size of a request body, in bytes; uploaded pictures have their own limit.
pub(crate) const BODY_BYTES_MAX: usize = 64 * 1024;
/// Timeout of receiving a whole request body: enough for 64 KiB over a bad mobile connection. It is short because a
/// request occupies one of a limited number of connections meanwhile.
const BODY_WAIT_MAX: Duration = Duration::from_secs(5);

/// Reads the body of a request, at most `bytes_max`, within [`BODY_WAIT_MAX`]. The request holds no permit while it
/// waits for the body.
///
/// # Errors
/// `too_large` when the body exceeds `bytes_max`; `bad_request` when it is incomplete or takes too long; `try_again`
/// when too many requests are running once it is complete, or when the client has too many requests that wait for their
/// body or too many bytes of partly received bodies.
pub(crate) async fn read_body(request: &Parts, body: Body, bytes_max: usize) -> ApiResult<Bytes> {
    read_body_within(BODY_WAIT_MAX, request, body, bytes_max).await
}

/// Like [`read_body`], with another timeout.
///
/// # Errors
/// As for [`read_body`].
pub(crate) async fn read_body_within(
    wait_max: Duration,
    request: &Parts,
    body: Body,
    bytes_max: usize,
) -> ApiResult<Bytes> {
    let too_slow = |_| ApiError::new(ErrorCode::BadRequest).detail("the body did not arrive in time");
    let mut waiting = Waiting::new(request.extensions.get::<RequestPermit>());
    let body = tokio::time::timeout(wait_max, read_whole(&request.headers, body, bytes_max, &mut waiting));
    let body = body.await.map_err(too_slow)??;
    waiting.finish().map(|()| body)
}

/// A request that reads its body. While it waits, it holds no permit, counts as a request that waits for its body, and
/// is charged for the bytes received so far.
struct Waiting<'a> {
    permit: Option<&'a RequestPermit>,
    awaited: Option<AwaitedBody>,
}

impl<'a> Waiting<'a> {
    /// Without `permit`, for requests that did not pass through the middleware `front_door`, there is nothing to return
    /// or to charge.
    fn new(permit: Option<&'a RequestPermit>) -> Self {
        Self { permit, awaited: None }
    }

    /// Called when the next frame of the body has not arrived yet. Returns the permit, and charges the `received` bytes
    /// that are in memory.
    fn begin(&mut self, received: usize) -> ApiResult<()> {
        let Some(permit) = self.permit else { return Ok(()) };
        permit.pause();
        let awaited = match self.awaited.take() {
            Some(awaited) => awaited,
            None => permit.await_body().ok_or_else(busy)?,
        };
        if self.awaited.insert(awaited).cover(received) { Ok(()) } else { Err(busy()) }
    }

    /// Takes the permit again after the body has arrived.
    fn finish(self) -> ApiResult<()> {
        if self.permit.is_none_or(RequestPermit::resume) { Ok(()) } else { Err(busy()) }
    }
}

async fn read_whole(
    headers: &HeaderMap,
    mut body: Body,
    bytes_max: usize,
    waiting: &mut Waiting<'_>,
) -> ApiResult<Bytes> {
    let too_large = || {
        let numbers = Numbers { bytes_max: Some(bytes_max), ..Numbers::default() };
        ApiError::new(ErrorCode::TooLarge).detail(format!("at most {bytes_max} bytes")).numbers(numbers)
    };
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > bytes_max as u64) {
        return Err(too_large());
    }
    let broke_off = |_| ApiError::new(ErrorCode::BadRequest).detail("the body broke off");
    let mut whole = Bytes::new();
    let mut parts = BytesMut::new();
    loop {
        let received = whole.len() + parts.len();
        let frame = poll_fn(|context| match Pin::new(&mut body).poll_frame(context) {
            Poll::Ready(frame) => Poll::Ready(Ok(frame)),
            Poll::Pending => {
                waiting.begin(received).map_or_else(|refused| Poll::Ready(Err(refused)), |()| Poll::Pending)
            }
        });
        let Some(frame) = frame.await? else { break };
        let Ok(part) = frame.map_err(broke_off)?.into_data() else { continue };
        if received + part.len() > bytes_max {
            return Err(too_large());
        }
        // Fast path: nearly every body is one part, which is not copied.
        if whole.is_empty() && parts.is_empty() {
            whole = part;
        } else {
            parts.extend_from_slice(&std::mem::take(&mut whole));
            parts.extend_from_slice(&part);
        }
    }
    Ok(if parts.is_empty() { whole } else { parts.freeze() })
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, sync::Arc};

    use axum::http::Request;
    use futures_util::FutureExt;

    use super::*;
    use crate::{
        client_address::ClientKeys,
        permits::{AWAITED_REQUESTS_PER_ADDRESS_MAX, Permit, Permits, REQUESTS_AT_ONCE_PER_ADDRESS_MAX},
    };

    fn request(headers: HeaderMap) -> Parts {
        let mut parts = Request::new(()).into_parts().0;
        parts.headers = headers;
        parts
    }

    /// Bytes of a body, and then nothing more.
    fn stalled(begun: usize) -> Body {
        let begun = futures_util::stream::iter([Ok::<_, Infallible>(vec![b'a'; begun])]);
        Body::from_stream(futures_util::StreamExt::chain(begun, futures_util::stream::pending()))
    }

    #[tokio::test]
    async fn requests_that_wait_for_bodies_hold_no_permit_and_their_number_and_bytes_are_limited() {
        let permits = Permits::new();
        let client = Some(ClientKeys::of("203.0.113.9".parse().unwrap()));
        // Each body is read by a request of its own, with the permit that the front door has taken for it.
        let read = |body: Body| {
            let permits = Arc::clone(&permits);
            async move {
                let permit = permits.take(client).ok_or_else(busy)?;
                let mut request = request(HeaderMap::new());
                request.extensions.insert(permit.handle());
                read_body(&request, body, BODY_BYTES_MAX).await.map(|body| body.len())
            }
            .boxed()
        };
        let mut slow: Vec<_> = (0..500).map(|_| (read(stalled(4_000)), false)).collect();
        slow.extend((0..500).map(|_| (read(stalled(60_000)), true)));
        let mut refused = 0;
        for (slow, is_large) in &mut slow {
            let Some(answer) = slow.now_or_never() else { continue };
            assert_eq!((answer.unwrap_err().code(), *is_large), (ErrorCode::TryAgain, true));
            refused += 1;
        }
        assert_eq!(refused, 500 - 16 * 1024 * 1024 / 60_000, "the budget of one address is 16 MiB");
        let mut small: Vec<_> = (0..1_000).map(|_| read(stalled(1))).collect();
        let answers = small.iter_mut().filter_map(FutureExt::now_or_never);
        let refusals: Vec<ErrorCode> = answers.map(|answer| answer.unwrap_err().code()).collect();
        assert_eq!(refusals, vec![ErrorCode::TryAgain; 2_000 - refused - AWAITED_REQUESTS_PER_ADDRESS_MAX]);
        assert_eq!(read(Body::from(vec![b'a'; 60_000])).await.unwrap(), 60_000, "a body that is there");
        drop(small);
        drop(slow);
        let (send, receive) = tokio::sync::oneshot::channel::<&str>();
        let mut late = read(Body::from_stream(receive.into_stream()));
        assert!((&mut late).now_or_never().is_none());
        let all: Vec<Permit> = (0..9_999).filter_map(|_| permits.take(client)).collect();
        assert_eq!(all.len(), REQUESTS_AT_ONCE_PER_ADDRESS_MAX);
        send.send("{}").unwrap();
        let refused = late.await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::TryAgain, "all permits are taken when the body is complete");
    }

    #[tokio::test(start_paused = true)]
    async fn request_body_that_does_not_arrive_times_out() {
        let begun = futures_util::stream::iter([Ok::<_, Infallible>("{")]);
        let endless = Body::from_stream(futures_util::StreamExt::chain(begun, futures_util::stream::pending()));
        let started = tokio::time::Instant::now();
        let refusal = read_body(&request(HeaderMap::new()), endless, 10).await.unwrap_err();
        assert_eq!(refusal.code(), ErrorCode::BadRequest);
        assert_eq!(started.elapsed().as_secs(), BODY_WAIT_MAX.as_secs());
    }

    #[tokio::test]
    async fn body_size_is_limited_with_and_without_content_length() {
        let read = |headers: HeaderMap, body: Vec<u8>| async move {
            read_body(&request(headers), Body::from(body), 10).await.map_err(|refusal| refusal.code())
        };
        let announced = [(header::CONTENT_LENGTH, "11".parse().unwrap())].into_iter().collect();
        assert_eq!(read(announced, Vec::new()).await, Err(ErrorCode::TooLarge));
        assert_eq!(read(HeaderMap::new(), vec![0; 11]).await, Err(ErrorCode::TooLarge));
        assert_eq!(read(HeaderMap::new(), vec![0; 10]).await.map(|read| read.len()), Ok(10));
        let pieces = |pieces: [&'static str; 4]| {
            let pieces = pieces.map(Ok::<_, std::convert::Infallible>);
            Body::from_stream(futures_util::stream::iter(pieces))
        };
        let request = request(HeaderMap::new());
        let read = async |body| read_body(&request, body, 10).await.map_err(|refusal| refusal.code());
        assert_eq!(read(pieces(["ab", "", "cd", "efghij"])).await.as_deref(), Ok(b"abcdefghij".as_slice()));
        assert_eq!(read(pieces(["ab", "", "cd", "efghijk"])).await, Err(ErrorCode::TooLarge));
    }
}
