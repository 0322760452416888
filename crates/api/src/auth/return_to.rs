//! The path to which a browser is redirected after signing in; validated against open redirects.

/// Maximum length of the path, in bytes. During the sign-in it is in the store, so URL length limits do not apply.
const RETURN_TO_BYTES_MAX: usize = 2_000;

/// A path of this site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ReturnTo(String);

impl ReturnTo {
    /// The home page.
    pub(super) fn home() -> Self {
        Self("/".to_owned())
    }

    /// Accepts a path that begins with one `/` that is followed by neither `/` nor `\` (browsers would take the rest
    /// for a host name), and that contains no control characters (browsers remove them).
    pub(super) fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix('/')?;
        let names_a_host = rest.starts_with(['/', '\\']);
        let fits = text.len() <= RETURN_TO_BYTES_MAX && !text.chars().any(char::is_control);
        (fits && !names_a_host).then(|| Self(text.to_owned()))
    }

    /// The path as given.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the path for a `Location` header: characters that are not ASCII or not allowed in headers are
    /// percent-encoded.
    pub(super) fn to_location(&self) -> String {
        let mut location = String::with_capacity(self.0.len());
        for byte in self.0.bytes() {
            if byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'\\') {
                location.push(char::from(byte));
            } else {
                location.push_str(&format!("%{byte:02X}"));
            }
        }
        location
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn return_paths_of_this_site_are_accepted() {
        for good in
            ["/", "/movies", "/screenings/1?seats=A1,A2#map", "/a//b", "/ภาพยนตร์", "/..//evil.test", "/x\\y", "/:80"]
        {
            assert!(ReturnTo::parse(good).is_some(), "{good}");
        }
    }

    #[test]
    fn return_paths_that_lead_to_other_sites_are_refused() {
        for bad in [
            "",
            "//evil.test",
            "/\\evil.test",
            "\\/evil.test",
            "https://evil.test",
            "//",
            "/\t/evil.test",
            "/\n/evil.test",
            "/\u{85}x",
            "/\0",
            " /",
            "javascript:alert(1)",
            "evil.test",
            "?a",
            "/\r\nSet-Cookie: a=b",
        ] {
            assert_eq!(ReturnTo::parse(bad), None, "{bad:?}");
        }
        assert_eq!(ReturnTo::parse(&format!("/{}", "a".repeat(RETURN_TO_BYTES_MAX))), None);
    }

    #[test]
    fn non_ascii_paths_are_percent_encoded_in_location() {
        let location = ReturnTo::parse("/หนัง ดี?a=1%20").unwrap().to_location();
        assert_eq!(location, "/%E0%B8%AB%E0%B8%99%E0%B8%B1%E0%B8%87%20%E0%B8%94%E0%B8%B5?a=1%20");
    }

    proptest! {
        #[test]
        fn accepted_return_path_never_leads_to_another_site(text in "[/\\\\.:@a%\t\n?#]{0,12}|\\PC{0,20}") {
            let site = url::Url::parse("https://cinema.test/api/auth/google/callback").unwrap();
            if let Some(return_to) = ReturnTo::parse(&text) {
                let target = site.join(&return_to.to_location()).unwrap();
                prop_assert_eq!(target.origin(), site.origin());
                prop_assert!(axum::http::HeaderValue::from_str(&return_to.to_location()).is_ok());
            }
        }
    }
}
