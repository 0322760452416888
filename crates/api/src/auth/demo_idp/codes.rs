//! Authorization codes of the demo provider. Each is valid once, for a minute.
//!
//! A code contains its grant in plain text, so that whichever server gets the browser's callback can exchange it. This
//! loses no security: in the demo everybody may sign in as anybody, so a forged code gains nothing, and verifier, nonce
//! and state of the sign-in are checked as for any other provider.

use std::collections::{HashSet, VecDeque};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use seatkeeper_core::ports::Entropy;
use serde::{Deserialize, Serialize};

use crate::auth::secrets;

/// Lifetime of a code. It is normally exchanged within a second; a minute allows for slow connections.
const CODE_FOR_MAX: SignedDuration = SignedDuration::from_mins(1);
/// Maximum number of remembered used codes. At the limit the oldest is forgotten even before it expires.
const USED_MAX: usize = 10_000;

/// The account and the request for which a code was issued.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Grant {
    pub(super) name: String,
    pub(super) email: String,
    pub(super) redirect_uri: String,
    pub(super) nonce: Option<String>,
    /// SHA-256 of the PKCE verifier, as base64url.
    pub(super) code_challenge: String,
}

/// The content of a code.
#[derive(Serialize, Deserialize)]
struct Code {
    /// A random id, which makes each code unique.
    id: String,
    given_ms: i64,
    grant: Grant,
}

/// Codes that have been used on this server.
#[derive(Debug, Default)]
pub(super) struct Codes(Mutex<Used>);

#[derive(Debug, Default)]
struct Used {
    hashes: HashSet<[u8; 32]>,
    oldest_first: VecDeque<(Timestamp, [u8; 32])>,
}

impl Codes {
    /// Issues a new code.
    pub(super) fn give(grant: Grant, now: Timestamp, entropy: &dyn Entropy) -> String {
        let code = Code { id: secrets::new_secret(entropy), given_ms: now.as_millisecond(), grant };
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(&code).unwrap_or_default())
    }

    /// Redeems a code: returns its grant, once. A second use fails even if the first exchange was refused later.
    pub(super) fn take(&self, code: &str, now: Timestamp) -> Option<Grant> {
        let read: Code = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(code).ok()?).ok()?;
        let age = now.duration_since(Timestamp::from_millisecond(read.given_ms).ok()?);
        // Clocks of servers differ, so a code from the near future is accepted too.
        let is_fresh = age < CODE_FOR_MAX && age > -CODE_FOR_MAX;
        (is_fresh && self.is_first_use(secrets::hash(&read.id), now)).then_some(read.grant)
    }

    fn is_first_use(&self, hash: [u8; 32], now: Timestamp) -> bool {
        let mut used = self.0.lock();
        while let Some((at, oldest)) = used.oldest_first.front().copied() {
            if used.oldest_first.len() < USED_MAX && now.duration_since(at) < CODE_FOR_MAX * 2 {
                break;
            }
            used.oldest_first.pop_front();
            used.hashes.remove(&oldest);
        }
        let is_first = used.hashes.insert(hash);
        if is_first {
            used.oldest_first.push_back((now, hash));
        }
        is_first
    }
}

#[cfg(test)]
mod tests {
    use seatkeeper_testing::SeededEntropy;

    use super::*;

    fn grant(email: &str) -> Grant {
        Grant {
            name: "Ann".to_owned(),
            email: email.to_owned(),
            redirect_uri: "http://cinema.test/back".to_owned(),
            nonce: None,
            code_challenge: "x".to_owned(),
        }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    #[test]
    fn authorization_code_is_valid_once_and_for_a_minute() {
        let (codes, entropy) = (Codes::default(), SeededEntropy::new(1));
        let one = Codes::give(grant("a"), at(0), &entropy);
        let two = Codes::give(grant("a"), at(0), &entropy);
        assert_ne!(one, two);
        for broken in ["", "three", &one[1..]] {
            assert_eq!(codes.take(broken, at(0)), None, "{broken:?}");
        }
        assert_eq!(codes.take(&one, at(59)), Some(grant("a")));
        assert_eq!(codes.take(&one, at(59)), None);
        assert_eq!(codes.take(&two, at(60)), None);
    }

    #[test]
    fn authorization_code_of_one_server_is_exchanged_at_another() {
        let code = Codes::give(grant("a"), at(0), &SeededEntropy::new(1));
        assert_eq!(Codes::default().take(&code, at(-5)), Some(grant("a")), "a clock that is 5 s behind");
    }

    #[test]
    fn number_of_remembered_used_codes_is_limited() {
        let (codes, entropy) = (Codes::default(), SeededEntropy::new(1));
        for _ in 0..USED_MAX + 5 {
            codes.take(&Codes::give(grant("a"), at(0), &entropy), at(0)).unwrap();
        }
        assert_eq!(codes.0.lock().hashes.len(), USED_MAX);
        codes.take(&Codes::give(grant("a"), at(121), &entropy), at(121)).unwrap();
        assert_eq!(codes.0.lock().hashes.len(), 1, "expired codes are forgotten");
    }
}
