//! Random secrets for cookies and OpenID Connect, and the hash that the store has instead of a secret.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use seatkeeper_core::ports::Entropy;
use sha2::{Digest, Sha256};

/// Number of random bytes of a secret: 256 bits.
const SECRET_BYTES: usize = 32;
/// Length of a secret as base64url text, which needs no quoting in a cookie or a URL.
const SECRET_CHARS: usize = 43;

/// Generates a new secret.
pub(super) fn new_secret(entropy: &dyn Entropy) -> String {
    let mut bytes = [0u8; SECRET_BYTES];
    entropy.fill(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Whether `text` has the syntax of a secret. Other texts are rejected before any work is done for them.
pub(super) fn is_secret(text: &str) -> bool {
    text.len() == SECRET_CHARS && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// The secret at the beginning of `value` (the rest of a `Cookie` line), if it is the cookie's whole value.
pub(super) fn leading_secret(value: &[u8]) -> Option<&str> {
    let (text, after) = value.split_at_checked(SECRET_CHARS)?;
    let is_all = matches!(after.trim_ascii_start().first(), None | Some(b';'));
    std::str::from_utf8(text).ok().filter(|text| is_all && is_secret(text))
}

/// Hash of a secret, for the store: somebody who can read the store cannot derive the secret from it.
pub(super) fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counting;

    impl Entropy for Counting {
        fn fill(&self, bytes: &mut [u8]) {
            for (value, byte) in (200u8..).zip(bytes) {
                *byte = value;
            }
        }
    }

    #[test]
    fn is_secret_accepts_only_the_format_of_generated_secrets() {
        let secret = new_secret(&Counting);
        assert!(is_secret(&secret), "{secret}");
        for bad in ["", "a", &secret[1..], &format!("{secret}A"), &secret.replace('y', "+"), &secret.replace('y', " ")]
        {
            assert!(!is_secret(bad), "{bad:?}");
        }
    }

    #[test]
    fn all_bytes_of_a_secret_are_random() {
        let bytes = URL_SAFE_NO_PAD.decode(new_secret(&Counting)).unwrap();
        assert_eq!(bytes, (200..200 + 32).collect::<Vec<u8>>());
    }
}
