//! The `Date` header of every answer. Pages compute countdowns from it, so it must come from the clock by which locks
//! expire. The HTTP library's own `Date` cannot be used: it never goes back, even when a clock that was an hour ahead
//! is corrected.

use axum::http::HeaderValue;
use jiff::Timestamp;
use parking_lot::Mutex;

/// Cache of the last formatted header value, with its Unix second.
static LAST: Mutex<Option<(i64, HeaderValue)>> = Mutex::new(None);

/// Formats a time for the `Date` header: `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 5.6.7).
pub(crate) fn date_header(now: Timestamp) -> HeaderValue {
    let second = now.as_second();
    let mut last = LAST.lock();
    match &*last {
        Some((written, value)) if *written == second => value.clone(),
        _ => {
            let text = now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
            let value = HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static(""));
            *last = Some((second, value.clone()));
            value
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn date_header_has_the_rfc_9110_format_and_follows_the_clock_backwards() {
        for (second, text) in [
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (784_111_778, "Sun, 06 Nov 1994 08:49:38 GMT"),
            (784_108_177, "Sun, 06 Nov 1994 07:49:37 GMT"),
        ] {
            assert_eq!(date_header(Timestamp::from_second(second).unwrap()), text);
        }
    }
}
