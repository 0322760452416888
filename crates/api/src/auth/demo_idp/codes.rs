//! Authorization codes: used once, for a minute.

use std::collections::{HashMap, VecDeque};

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;

use crate::auth::secrets;

/// A code is exchanged in the second in which it was given; a minute forgives slow lines.
const CODE_FOR_MAX: SignedDuration = SignedDuration::from_mins(1);
/// Codes at once. When more are asked for, the oldest is forgotten: its sign-in has to begin again.
const CODES_MAX: usize = 10_000;

/// What a code stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Grant {
    pub(super) name: String,
    pub(super) email: String,
    pub(super) redirect_uri: String,
    pub(super) nonce: Option<String>,
    /// SHA-256 of the verifier, base64url.
    pub(super) code_challenge: String,
}

/// Codes that have been given and not used.
#[derive(Debug, Default)]
pub(super) struct Codes(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    grants: HashMap<[u8; 32], (Timestamp, Grant)>,
    oldest_first: VecDeque<(Timestamp, [u8; 32])>,
}

impl Codes {
    /// Keeps what `code` stands for.
    pub(super) fn give(&self, code: &str, grant: Grant, now: Timestamp) {
        let mut waiting = self.0.lock();
        while let Some((given, hash)) = waiting.oldest_first.front().copied() {
            if waiting.oldest_first.len() < CODES_MAX && now.duration_since(given) < CODE_FOR_MAX {
                break;
            }
            waiting.oldest_first.pop_front();
            waiting.grants.remove(&hash);
        }
        let hash = secrets::hash(code);
        waiting.oldest_first.push_back((now, hash));
        waiting.grants.insert(hash, (now, grant));
    }

    /// Takes it; the next to ask gets nothing, whatever became of this one.
    pub(super) fn take(&self, code: &str, now: Timestamp) -> Option<Grant> {
        let (given, grant) = self.0.lock().grants.remove(&secrets::hash(code))?;
        (now.duration_since(given) < CODE_FOR_MAX).then_some(grant)
    }
}

#[cfg(test)]
mod tests {
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
    fn a_code_is_used_once_and_within_a_minute() {
        let codes = Codes::default();
        codes.give("one", grant("a"), at(0));
        codes.give("two", grant("b"), at(0));
        assert_eq!(codes.take("three", at(0)), None);
        assert_eq!(codes.take("one", at(59)), Some(grant("a")));
        assert_eq!(codes.take("one", at(59)), None);
        assert_eq!(codes.take("two", at(60)), None);
    }

    #[test]
    fn codes_are_bounded_and_the_oldest_go_first() {
        let codes = Codes::default();
        for number in 0..CODES_MAX + 5 {
            codes.give(&number.to_string(), grant("a"), at(0));
        }
        let waiting = codes.0.lock().grants.len();
        assert_eq!(waiting, CODES_MAX);
        assert_eq!(codes.take("4", at(0)), None);
        assert!(codes.take("5", at(0)).is_some());
        codes.give("late", grant("a"), at(61));
        assert_eq!(codes.0.lock().grants.len(), 1, "codes past their minute are not kept");
    }
}
