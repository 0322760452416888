//! A changing request must come from the site's own pages, or from no page at all.

use axum::http::{HeaderMap, Method, header::ORIGIN, request::Parts};

use crate::{
    config::ApiConfig,
    error::{ApiError, ErrorCode},
};

/// Refuses a change that another site's page asks for. `Origin: null` is another site.
///
/// # Errors
/// `bad_origin`.
pub(crate) fn check(request: &Parts, config: &ApiConfig) -> Result<(), ApiError> {
    if matches!(request.method, Method::GET | Method::HEAD) { Ok(()) } else { check_any(&request.headers, config) }
}

/// The same for calls that must be refused whatever their method, such as a WebSocket's upgrade.
///
/// # Errors
/// `bad_origin`.
pub(crate) fn check_any(headers: &HeaderMap, config: &ApiConfig) -> Result<(), ApiError> {
    let is_own = match headers.get(ORIGIN) {
        Some(origin) => origin.to_str().is_ok_and(|origin| config.is_own_origin(origin)),
        // Scripts send neither; a browser that sends no Origin still says from where the request is.
        None => {
            !headers.get("sec-fetch-site").is_some_and(|from| matches!(from.as_bytes(), b"cross-site" | b"same-site"))
        }
    };
    if is_own { Ok(()) } else { Err(ErrorCode::BadOrigin.into()) }
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
    fn own_pages_and_scripts_may_change_things_other_pages_may_not() {
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
