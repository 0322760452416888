//! Content negotiation and conditional requests: `If-None-Match`, `Accept-Encoding`, `Accept`.

use axum::http::{HeaderMap, HeaderValue, header};

/// Whether the request's `If-None-Match` contains the `ETag`, so that 304 is the answer. Tags are compared weakly, as
/// RFC 9110 requires for this header.
pub(crate) fn has_mark(request: &HeaderMap, etag: &HeaderValue) -> bool {
    let lines = request.get_all(header::IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok());
    let mut marks = lines.flat_map(|line| line.split(',')).map(str::trim);
    let opaque = etag.as_bytes().strip_prefix(b"W/").unwrap_or(etag.as_bytes());
    marks.any(|mark| mark == "*" || mark.strip_prefix("W/").unwrap_or(mark).as_bytes() == opaque)
}

/// Whether the client accepts this content coding.
pub(crate) fn accepts(request: &HeaderMap, coding: &str) -> bool {
    let lines = request.get_all(header::ACCEPT_ENCODING).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|said| {
        let (name, q) = said.split_once(';').unwrap_or((said, "q=1"));
        let refused = q.trim().strip_prefix("q=").is_some_and(|q| q.trim().parse::<f32>().is_ok_and(|q| q <= 0.0));
        name.trim().eq_ignore_ascii_case(coding) && !refused
    })
}

/// Whether the request is a browser's navigation, which shows the answer to a person: its `Accept` names HTML.
pub(crate) fn shows_page(request: &HeaderMap) -> bool {
    let lines = request.get_all(header::ACCEPT).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|said| said.trim_start().starts_with("text/html"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: header::HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn if_none_match_is_compared_weakly() {
        let (etag, weak) = (HeaderValue::from_static("\"abc\""), HeaderValue::from_static("W/\"abc\""));
        for mine in ["\"abc\"", "W/\"abc\"", "*", "\"x\", \"abc\""] {
            assert!(has_mark(&headers(header::IF_NONE_MATCH, mine), &etag), "{mine}");
            assert!(has_mark(&headers(header::IF_NONE_MATCH, mine), &weak), "{mine}");
        }
        for other in ["\"abd\"", "abc", "", "W/"] {
            assert!(!has_mark(&headers(header::IF_NONE_MATCH, other), &etag), "{other}");
        }
    }

    #[test]
    fn request_is_a_navigation_only_if_its_accept_header_names_html() {
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        assert!(shows_page(&headers(header::ACCEPT, browser)));
        for program in ["*/*", "application/json", ""] {
            assert!(!shows_page(&headers(header::ACCEPT, program)), "{program}");
        }
    }

    #[test]
    fn content_coding_is_accepted_if_named_with_a_weight_above_zero() {
        for yes in ["gzip", "br, gzip;q=0.5", "deflate,GZIP"] {
            assert!(accepts(&headers(header::ACCEPT_ENCODING, yes), "gzip"), "{yes}");
        }
        for no in ["br", "gzip;q=0", "gzip; q=0.0", "", "identity"] {
            assert!(!accepts(&headers(header::ACCEPT_ENCODING, no), "gzip"), "{no}");
        }
    }
}
