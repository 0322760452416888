//! Protection against cross-site request forgery (CSRF): a request that changes something must come from a page of this
//! site or from a program that is not a browser.

use axum::http::{HeaderMap, Method, header::ORIGIN, request::Parts};

use crate::config::ApiConfig;

/// Error: the request comes from a page of another site.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ForeignOrigin;

/// Refuses a changing request from another site's page. `Origin: null` counts as another site.
///
/// # Errors
/// [`ForeignOrigin`].
pub(crate) fn check(request: &Parts, config: &ApiConfig) -> Result<(), ForeignOrigin> {
    if matches!(request.method, Method::GET | Method::HEAD) { Ok(()) } else { check_any(&request.headers, config) }
}

/// Refuses a request from another site's page whatever its method, for example a WebSocket upgrade, which is a GET.
///
/// # Errors
/// [`ForeignOrigin`].
pub(crate) fn check_any(headers: &HeaderMap, config: &ApiConfig) -> Result<(), ForeignOrigin> {
    let is_own = match headers.get(ORIGIN) {
        Some(origin) => origin.to_str().is_ok_and(|origin| config.is_own_origin(origin)),
        // A browser that sends no `Origin` still sends `Sec-Fetch-Site`; programs other than browsers send neither.
        None => {
            !headers.get("sec-fetch-site").is_some_and(|from| matches!(from.as_bytes(), b"cross-site" | b"same-site"))
        }
    };
    if is_own { Ok(()) } else { Err(ForeignOrigin) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::config;

    fn answer(headers: &[(&'static str, &'static str)]) -> bool {
        let headers = headers.iter().map(|(name, value)| ((*name).parse().unwrap(), value.parse().unwrap())).collect();
        check_any(&headers, &config()).is_ok()
    }

    #[test]
    fn changing_requests_are_allowed_only_from_own_pages_and_from_programs() {
        assert!(answer(&[]));
        assert!(answer(&[("origin", "http://127.0.0.1:8080")]));
        assert!(answer(&[("origin", "https://partner.example"), ("sec-fetch-site", "cross-site")]));
        assert!(answer(&[("sec-fetch-site", "same-origin")]));
        assert!(answer(&[("sec-fetch-site", "none")]));
        for other in
            ["null", "http://127.0.0.1", "http://127.0.0.1:8080/", "https://127.0.0.1:8080", "http://evil.example", ""]
        {
            assert!(!answer(&[("origin", other)]), "{other}");
        }
        assert!(!answer(&[("sec-fetch-site", "cross-site")]));
        assert!(!answer(&[("sec-fetch-site", "same-site")]));
    }
}
