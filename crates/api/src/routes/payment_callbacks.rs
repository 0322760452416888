//! Callbacks (webhooks) of the payment provider.

use axum::{
    extract::{Request, State},
    http::{HeaderMap, StatusCode},
};
use hmac::{Hmac, Mac};
use jiff::Timestamp;
use seatkeeper_core::{box_office, ids::PaymentId};
use serde::Deserialize;
use sha2::Sha256;
use utoipa::ToSchema;

use crate::{
    error::{ApiError, ApiResult, ErrorCode},
    extract::{PathId, is_json, parse_json},
    request_body::{BODY_BYTES_MAX, read_body},
    state::App,
};

/// Name of the header with timestamp and signature of a callback: `t=1700000000,v1=<hex>`.
const SIGNATURE: &str = "x-seatkeeper-signature";
/// Maximum difference between a callback's timestamp and the server's clock, in seconds. Older messages are refused to
/// prevent replay attacks.
const TOLERANCE_S: u64 = 300;

/// A provider's message. It only names a payment: the server then queries the provider and trusts only that answer.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct ProviderMessage {
    /// The payment.
    pub payment_id: String,
}

/// Receives a message of the payment provider
///
/// Header `X-Seatkeeper-Signature: t=<unix seconds>,v1=<hex HMAC-SHA-256 of "{t}.{body}">`, at most 5 minutes old.
#[utoipa::path(post, path = "/api/payments/callback/{provider}", tag = "Paying",
    params(("provider" = String, Path, example = "mock"),
        ("X-Seatkeeper-Signature" = Option<String>, Header, description = "`t=<unix seconds>,v1=<hex>`")),
    request_body = ProviderMessage,
    responses((status = 204, description = "The message was processed"), (status = 401, description = "`bad_signature`"),
        (status = 404, description = "`provider_not_found`, `payment_not_found`")))]
pub(crate) async fn receive_callback(
    State(app): State<App>,
    provider: PathId,
    request: Request,
) -> ApiResult<StatusCode> {
    if provider.0 != app.office.provider.name() {
        return Err(ErrorCode::ProviderNotFound.into());
    }
    let (parts, body) = request.into_parts();
    // Check the header before reading the body: without a recent timestamp the body is not worth waiting for.
    let signature = Signature::of(&parts.headers, app.office.now()).ok_or(ErrorCode::BadSignature)?;
    let body = read_body(&parts, body, BODY_BYTES_MAX).await?;
    if !signature.is_of(&body, app.config.callback_secret.expose()) {
        return Err(ErrorCode::BadSignature.into());
    }
    if !is_json(&parts.headers) {
        return Err(ErrorCode::UnsupportedMediaType.into());
    }
    let message: ProviderMessage = parse_json(&body)?;
    let id = PaymentId::parse(&message.payment_id).ok_or(ErrorCode::PaymentNotFound)?;
    if box_office::provider_reported(&app.office, id).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(ApiError::new(ErrorCode::PaymentNotFound))
    }
}

/// The parsed signature header of a callback, whose timestamp is within [`TOLERANCE_S`].
struct Signature<'a> {
    /// The timestamp as text, in Unix seconds; the text is part of what was signed.
    time: &'a str,
    /// HMAC-SHA-256.
    code: [u8; 32],
}

impl<'a> Signature<'a> {
    fn of(headers: &'a HeaderMap, now: Timestamp) -> Option<Self> {
        let header = headers.get(SIGNATURE)?.to_str().ok()?;
        let (time, code) = header.strip_prefix("t=")?.split_once(",v1=")?;
        let age_s = now.as_second().abs_diff(time.parse().ok()?);
        let mut signature = Self { time, code: [0; 32] };
        hex::decode_to_slice(code, &mut signature.code).ok()?;
        (age_s <= TOLERANCE_S).then_some(signature)
    }

    /// Whether this signature was made for the body with the secret.
    fn is_of(&self, body: &[u8], secret: &[u8]) -> bool {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { return false };
        mac.update(self.time.as_bytes());
        mac.update(b".");
        mac.update(body);
        // Compares in constant time.
        mac.verify_slice(&self.code).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, http::Method};
    use futures_util::FutureExt;

    use super::*;
    use crate::auth::tests::support::World;

    const BODY: &[u8] = br#"{"payment_id":"x"}"#;

    fn signed(header: &str, body: &[u8], secret: &str, now_s: i64) -> bool {
        let headers: HeaderMap = [(SIGNATURE.parse().unwrap(), header.parse().unwrap())].into_iter().collect();
        let signature = Signature::of(&headers, Timestamp::from_second(now_s).unwrap());
        signature.is_some_and(|signature| signature.is_of(body, secret.as_bytes()))
    }

    #[test]
    fn callback_is_accepted_only_with_a_recent_valid_signature() {
        // Computed with: echo -n '1700000000.{"payment_id":"x"}' | openssl dgst -sha256 -hmac secret
        let good = "t=1700000000,v1=f8687178af2b3fb6b7646db573752185dfe19e9e94701d030dad2147da39bba5";
        assert!(signed(good, BODY, "secret", 1_700_000_000));
        assert!(signed(good, BODY, "secret", 1_700_000_300) && signed(good, BODY, "secret", 1_699_999_700));
        assert!(!signed(good, BODY, "secret", 1_700_000_301), "too old");
        assert!(!signed(good, BODY, "secret", 1_699_999_699), "from the future");
        assert!(!signed(good, BODY, "other", 1_700_000_000), "another's secret");
        assert!(!signed(good, b"{}", "secret", 1_700_000_000), "another body");
        assert!(!signed(&good.replace("t=1700000000", "t=1700000001"), BODY, "secret", 1_700_000_000), "another time");
        for bad in ["", "t=,v1=", "t=1700000000", "v1=00,t=1", "t=1700000000,v1=zz", "t=x,v1=00"] {
            assert!(!signed(bad, BODY, "secret", 1_700_000_000), "{bad}");
        }
        assert!(Signature::of(&HeaderMap::new(), Timestamp::UNIX_EPOCH).is_none());
    }

    #[tokio::test]
    async fn callback_without_a_recent_signature_is_refused_before_its_body() {
        let world = World::new();
        let browser = world.server(|_| ()).browser();
        let zeros = "0".repeat(64);
        let old = format!("t=1,v1={zeros}");
        for headers in [vec![], vec![(SIGNATURE, old.as_str())], vec![(SIGNATURE, "nonsense")]] {
            // A body that never arrives.
            let body = Body::from_stream(futures_util::stream::pending::<Result<&str, std::convert::Infallible>>());
            let answer = browser.send(Method::POST, "/api/payments/callback/mock", &headers, body);
            let answer = answer.now_or_never().expect("the body was waited for");
            assert_eq!(answer.problem(), (401, "bad_signature".into()), "{headers:?}");
        }
    }
}
