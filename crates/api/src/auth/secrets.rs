//! Secrets that nobody can guess, and what is kept of them.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use seatkeeper_core::ports::Entropy;
use sha2::{Digest, Sha256};

/// The randomness in a secret: 256 bits.
const SECRET_BYTES: usize = 32;
/// A secret as text: base64url, which needs no quoting in a cookie or an address.
const SECRET_CHARS: usize = 43;

/// A new secret.
pub(super) fn new_secret(entropy: &dyn Entropy) -> String {
    let mut bytes = [0u8; SECRET_BYTES];
    entropy.fill(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Whether `text` has the shape of a secret. Anything else is refused before any work is done for it.
pub(super) fn is_secret(text: &str) -> bool {
    text.len() == SECRET_CHARS && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// The secret with which the value of a cookie begins, if it is all of the value: after it the value or the line ends.
pub(super) fn leading_secret(value: &[u8]) -> Option<&str> {
    let (text, after) = value.split_at_checked(SECRET_CHARS)?;
    let is_all = matches!(after.trim_ascii_start().first(), None | Some(b';'));
    std::str::from_utf8(text).ok().filter(|text| is_all && is_secret(text))
}

/// What is kept of a secret: whoever reads the store can use nothing of it.
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
    fn a_secret_has_the_shape_of_one_and_nothing_else_has() {
        let secret = new_secret(&Counting);
        assert!(is_secret(&secret), "{secret}");
        for bad in ["", "a", &secret[1..], &format!("{secret}A"), &secret.replace('y', "+"), &secret.replace('y', " ")]
        {
            assert!(!is_secret(bad), "{bad:?}");
        }
    }

    #[test]
    fn all_its_bytes_are_random() {
        let bytes = URL_SAFE_NO_PAD.decode(new_secret(&Counting)).unwrap();
        assert_eq!(bytes, (200..200 + 32).collect::<Vec<u8>>());
    }
}
