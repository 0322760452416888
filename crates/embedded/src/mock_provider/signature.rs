//! Signatures of callbacks: HMAC-SHA-256 over the time and the body.

use std::time::Duration;

use hmac::{Hmac, Mac};
use jiff::Timestamp;
use sha2::Sha256;

/// The header with time and signature: `t=<seconds since 1970>,v1=<64 hexadecimal digits>`.
pub const SIGNATURE_HEADER: &str = "X-Seatkeeper-Signature";

/// The largest allowed difference between the time in a signature and the receiver's clock, in either direction.
pub const SIGNATURE_AGE_MAX: Duration = Duration::from_secs(5 * 60);

/// The value of [`SIGNATURE_HEADER`] for a body sent at `at`. The signature is the HMAC-SHA-256 under `secret` of the
/// time in seconds, a dot, and the body.
#[must_use]
pub fn sign(secret: &[u8], at: Timestamp, body: &[u8]) -> String {
    let seconds = at.as_second();
    let header = format!("t={seconds},v1=");
    // An HMAC accepts a key of any length, so this never fails.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { return header };
    mac.update(seconds.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    header + &hex::encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn signature_is_time_and_hmac() {
        let at = Timestamp::from_second(1_700_000_000).unwrap();
        let header = sign(b"a secret of the cinema", at, br#"{"payment_id":"1"}"#);
        expect!["t=1700000000,v1=88e9908f1d3fb8f439dea433346497c156ed99ba81ee749e450773333a01a9be"].assert_eq(&header);
    }

    #[test]
    fn signature_differs_for_another_secret_time_or_body() {
        let at = Timestamp::from_second(1_700_000_000).unwrap();
        let later = Timestamp::from_second(1_700_000_001).unwrap();
        let all = [sign(b"k", at, b"x"), sign(b"l", at, b"x"), sign(b"k", later, b"x"), sign(b"k", at, b"y")];
        for (index, one) in all.iter().enumerate() {
            assert!(!all[..index].contains(one), "{one}");
        }
    }
}
