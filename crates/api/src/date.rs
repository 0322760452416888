//! The `Date` of every answer. Pages count down on the difference to it, so it is of the very clock that locks end by: a
//! connection's own date never goes back, even when the clock was an hour wrong and is put right.

use axum::http::HeaderValue;
use jiff::Timestamp;
use parking_lot::Mutex;

/// The last second that was written out.
static LAST: Mutex<Option<(i64, HeaderValue)>> = Mutex::new(None);

/// `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 5.6.7).
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
    fn a_date_is_written_as_in_the_standard_and_goes_back_with_the_clock() {
        for (second, text) in [
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (784_111_778, "Sun, 06 Nov 1994 08:49:38 GMT"),
            (784_108_177, "Sun, 06 Nov 1994 07:49:37 GMT"),
        ] {
            assert_eq!(date_header(Timestamp::from_second(second).unwrap()), text);
        }
    }
}
