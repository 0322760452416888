//! Limits the bytes of answers that wait to be sent, for the server and for each client. An answer stays in
//! memory until its client has read it, so clients that send requests and read nothing could exhaust the memory. A
//! request whose answer would exceed the budget gets 503 instead.
//!
//! An answer's bytes stay charged to the budgets until the connection has written the last of them or is closed.

use std::sync::Arc;

use axum::{
    body::{Body, HttpBody},
    extract::{Request, State},
    http::Method,
    middleware::Next,
    response::Response,
};
use bytes::Bytes;
use http_body_util::BodyExt;
use parking_lot::Mutex;
use tokio::sync::Semaphore;

use crate::{
    client_address::ClientKeys,
    client_shares::{ClientShares, ShareLimits},
    error::{ApiError, ApiResult, ErrorCode},
    permits::RequestPermit,
};

/// Budget of unsent bytes of one server. Together with the cache of posters it bounds the memory for answers on a small
/// server.
pub(crate) const UNSENT_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Budget of unsent bytes of one client address (for IPv6, of one /64). Many customers of one mobile network share an
/// address, but an answer of some 100 KB is sent within milliseconds.
pub(crate) const UNSENT_BYTES_PER_ADDRESS_MAX: usize = 16 * 1024 * 1024;
/// Budget of unsent bytes of one IPv6 /48.
const UNSENT_BYTES_PER_NETWORK_MAX: usize = 32 * 1024 * 1024;
/// Answers up to this size are not charged, so that locks and payments still work for a client whose budget is used up.
/// Uncharged memory is bounded too: a connection has one answer at a time, and the number of connections is limited.
const UNCHARGED_BYTES_MAX: usize = 4 * 1024;
/// Maximum memory of concurrent compression encoders, in KiB, which the budget of unsent bytes does not cover: enough
/// for sixteen small answers, or for one list of maximum size.
const COMPRESSING_KIB_MAX: u32 = 16 * 1024;
/// Memory that a compression encoder needs for any answer, in KiB.
const ENCODER_KIB: u32 = 1024;
/// Additional memory of a compression encoder, as a multiple of the text's size: brotli's window and tables take some
/// 30 MB for a text of 5 MB.
const ENCODER_TEXTS: u32 = 6;
/// `Retry-After` of the 503 when a budget is used up, in seconds.
const RETRY_AFTER_S: u32 = 2;

/// Marks an answer whose bytes are shared with other answers, such as a file of the page: it needs no memory of its
/// own.
#[derive(Clone, Copy)]
pub(crate) struct SharedBytes;

/// Marks an answer that was complete in memory before compression, with its length in bytes; other answers are streams.
#[derive(Clone, Copy)]
struct Whole(u64);

/// The budgets of one server.
pub(crate) struct Unsent {
    held: Mutex<Held>,
    compressions: Semaphore,
}

impl Default for Unsent {
    fn default() -> Self {
        Self { held: Mutex::default(), compressions: Semaphore::new(COMPRESSING_KIB_MAX as usize) }
    }
}

#[derive(Default)]
struct Held {
    bytes: usize,
    shares: ClientShares,
}

const SHARES: ShareLimits =
    ShareLimits { per_address_max: UNSENT_BYTES_PER_ADDRESS_MAX, per_network_max: UNSENT_BYTES_PER_NETWORK_MAX };

/// Bytes charged to the budgets until this is dropped.
struct Charge {
    unsent: Arc<Unsent>,
    client: Option<ClientKeys>,
    bytes: usize,
}

impl Unsent {
    fn take(self: &Arc<Self>, client: Option<ClientKeys>, bytes: usize) -> Option<Charge> {
        let mut held = self.held.lock();
        if held.bytes.saturating_add(bytes) > UNSENT_BYTES_MAX {
            return None;
        }
        if client.is_some_and(|client| !held.shares.take(client, bytes, SHARES)) {
            return None;
        }
        held.bytes += bytes;
        show(held.bytes);
        Some(Charge { unsent: Arc::clone(self), client, bytes })
    }

    /// Charges `bytes` to the budgets of the server and the client. The charge ends when the last slice of the result
    /// is dropped.
    fn charge(self: &Arc<Self>, client: Option<ClientKeys>, bytes: Bytes) -> ApiResult<Bytes> {
        let charge = self.take(client, bytes.len()).ok_or_else(|| {
            metrics::counter!("seatkeeper_unsent_refused_total").increment(1);
            let why = "too many answers wait to be read";
            ApiError::new(ErrorCode::TryAgain).retry_after(RETRY_AFTER_S).detail(why)
        })?;
        Ok(Bytes::from_owner(Charged { bytes, _charge: charge }))
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        let mut held = self.unsent.held.lock();
        held.bytes -= self.bytes;
        show(held.bytes);
        if let Some(client) = self.client {
            held.shares.give_back(client, self.bytes);
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "far below 2⁵³ bytes")]
fn show(bytes: usize) {
    metrics::gauge!("seatkeeper_unsent_bytes").set(bytes as f64);
}

struct Charged {
    bytes: Bytes,
    _charge: Charge,
}

impl AsRef<[u8]> for Charged {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Charges an answer that is complete in memory, before compression. Streams are produced while they are read, so they hold
/// little memory and are not charged.
pub(crate) async fn charge_answer(
    State(unsent): State<Arc<Unsent>>,
    request: Request,
    next: Next,
) -> ApiResult<Response> {
    let client = client_of(&request);
    // A request that changes something is committed by now, so its answer must not be refused; such answers are small.
    let is_charged = is_charged(&request);
    let mut response = next.run(request).await;
    if !is_charged {
        return Ok(response);
    }
    let Some(size) = HttpBody::size_hint(response.body()).exact() else { return Ok(response) };
    response.extensions_mut().insert(Whole(size));
    if size <= UNCHARGED_BYTES_MAX as u64 || response.extensions().get::<SharedBytes>().is_some() {
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let bytes = unsent.charge(client, gather(body).await?)?;
    Ok(Response::from_parts(parts, Body::from(bytes)))
}

/// Compresses an answer that is complete in memory to its end, and charges the compressed bytes instead of the plain
/// text. Compression while sending would keep the plain text and the encoder's megabytes in memory until the client has
/// read the last byte.
pub(crate) async fn finish_compression(
    unsent: &Arc<Unsent>,
    client: Option<ClientKeys>,
    response: Response,
) -> ApiResult<Response> {
    let whole = response.extensions().get::<Whole>().copied();
    let Some(Whole(size)) = whole.filter(|_| HttpBody::size_hint(response.body()).exact().is_none()) else {
        return Ok(response);
    };
    let (parts, body) = response.into_parts();
    let bytes = {
        let text_kib = u32::try_from(size / 1024).unwrap_or(u32::MAX);
        let kib = text_kib.saturating_mul(ENCODER_TEXTS).saturating_add(ENCODER_KIB);
        // The semaphore is never closed, so this cannot fail.
        let _permit = unsent.compressions.acquire_many(kib.min(COMPRESSING_KIB_MAX)).await;
        gather(body).await?
    };
    let bytes = if bytes.len() <= UNCHARGED_BYTES_MAX { bytes } else { unsent.charge(client, bytes)? };
    Ok(Response::from_parts(parts, Body::from(bytes)))
}

/// Whether the answer to this request is charged to the budgets. Only reads are, except reads of payments, because a
/// payer must get the payment code.
fn is_charged(request: &Request) -> bool {
    matches!(*request.method(), Method::GET | Method::HEAD) && !request.uri().path().starts_with("/api/payments")
}

fn client_of(request: &Request) -> Option<ClientKeys> {
    request.extensions().get::<RequestPermit>().and_then(RequestPermit::client)
}

/// Collects a body. A body in one piece is not copied. Yields between pieces, because compression is CPU-bound.
async fn gather(mut body: Body) -> ApiResult<Bytes> {
    let (mut first, mut all) = (None, Vec::new());
    while let Some(frame) = body.frame().await {
        let failed = |error| {
            tracing::error!(%error, "producing a response body failed; answering 500");
            ApiError::new(ErrorCode::Internal)
        };
        let Ok(piece) = frame.map_err(failed)?.into_data() else { continue };
        if all.is_empty() && first.is_none() {
            first = Some(piece);
            continue;
        }
        all.extend_from_slice(&first.take().unwrap_or_default());
        all.extend_from_slice(&piece);
        tokio::task::yield_now().await;
    }
    Ok(first.unwrap_or_else(|| all.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(bytes: usize) -> Bytes {
        Bytes::from(vec![b'a'; bytes])
    }

    const MIB: usize = 1024 * 1024;

    fn client(text: &str) -> Option<ClientKeys> {
        Some(ClientKeys::of(text.parse().unwrap()))
    }

    #[test]
    fn one_client_cannot_exhaust_the_servers_budget() {
        let unsent = Arc::new(Unsent::default());
        let greedy: Vec<Bytes> =
            (0..99).filter_map(|_| unsent.charge(client("203.0.113.9"), piece(MIB)).ok()).collect();
        assert_eq!(greedy.len() * MIB, UNSENT_BYTES_PER_ADDRESS_MAX);
        let rotating = |n| client(&format!("2001:db8:7:{n:x}::1"));
        let rotating: Vec<Bytes> = (0..99).filter_map(|n| unsent.charge(rotating(n), piece(MIB)).ok()).collect();
        assert_eq!(rotating.len() * MIB, UNSENT_BYTES_PER_NETWORK_MAX, "another /64 for each answer");
        let other = unsent.charge(client("203.0.113.10"), piece(MIB)).unwrap();
        drop((greedy, rotating));
        assert_eq!(unsent.held.lock().bytes, MIB);
        drop(other);
        assert!(unsent.held.lock().shares.is_empty() && unsent.held.lock().bytes == 0, "no client is left");
    }

    #[test]
    fn exhausted_budget_of_the_server_refuses_all_clients() {
        let unsent = Arc::new(Unsent::default());
        let of = |n: u32| client(&format!("10.0.{}.{}", n / 256, n % 256));
        let held: Vec<Bytes> = (0..999).filter_map(|n| unsent.charge(of(n), piece(MIB)).ok()).collect();
        assert_eq!(held.len() * MIB, UNSENT_BYTES_MAX);
        let refused = unsent.charge(None, piece(1)).unwrap_err();
        assert_eq!((refused.code(), refused.retry_after_s()), (ErrorCode::TryAgain, Some(RETRY_AFTER_S)));
    }

    #[test]
    fn charge_ends_when_the_last_slice_of_its_bytes_is_dropped() {
        let unsent = Arc::new(Unsent::default());
        let mut all = unsent.charge(None, piece(100)).unwrap();
        let rest = all.split_off(50);
        drop(all);
        assert_eq!(unsent.held.lock().bytes, 100, "both slices share the memory");
        drop(rest);
        assert_eq!(unsent.held.lock().bytes, 0);
    }

    #[tokio::test]
    async fn body_in_one_piece_is_not_copied() {
        let one = piece(10_000);
        assert_eq!(gather(Body::from(one.clone())).await.unwrap().as_ptr(), one.as_ptr());
        let pieces = ["ab", "", "cd", "e"].map(|piece| Ok::<_, std::io::Error>(Bytes::from(piece)));
        let stream = Body::from_stream(futures_util::stream::iter(pieces));
        assert_eq!(gather(stream).await.unwrap(), "abcde");
        assert_eq!(gather(Body::empty()).await.unwrap(), "");
    }
}
