//! The two cookies of this site: the session cookie, and the cookie that binds a pending sign-in to its browser.

use axum::http::{HeaderMap, header::COOKIE};
use seatkeeper_core::person::{SESSION_AGE_MAX, SIGN_IN_FOR_MAX};

use super::secrets::leading_secret;

/// Names and attributes of the cookies of this site.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cookies {
    is_https: bool,
}

impl Cookies {
    /// Cookies for a site; `is_https` says whether its public URL is https.
    pub(super) fn new(is_https: bool) -> Self {
        Self { is_https }
    }

    /// Returns the session secret, if the request has a session cookie with a well-formed one.
    pub(super) fn find_session<'h>(&self, headers: &'h HeaderMap) -> Option<&'h str> {
        find(headers, self.session_name())
    }

    /// Returns the secret of a pending sign-in, if the request has a well-formed one in its cookie.
    pub(super) fn find_sign_in<'h>(&self, headers: &'h HeaderMap) -> Option<&'h str> {
        find(headers, self.sign_in_name())
    }

    /// `Set-Cookie` of a new session.
    pub(super) fn set_session(&self, secret: &str) -> String {
        self.set(self.session_name(), secret, "/", SESSION_AGE_MAX.as_secs())
    }

    /// `Set-Cookie` that deletes the session's cookie.
    pub(super) fn clear_session(&self) -> String {
        self.set(self.session_name(), "", "/", 0)
    }

    /// `Set-Cookie` of a pending sign-in.
    pub(super) fn set_sign_in(&self, secret: &str) -> String {
        // `__Host-` cookies require `Path=/`. Without https there is no such protection, and other programs on this
        // host can set the cookie; the narrow path at least keeps the cookie out of other requests.
        let path = if self.is_https { "/" } else { "/api/auth" };
        self.set(self.sign_in_name(), secret, path, SIGN_IN_FOR_MAX.as_secs())
    }

    /// Name of the session cookie. With the prefix `__Host-` no other site of the same domain can set the cookie.
    fn session_name(&self) -> &'static str {
        if self.is_https { "__Host-seatkeeper_session" } else { "seatkeeper_session" }
    }

    fn sign_in_name(&self) -> &'static str {
        if self.is_https { "__Host-seatkeeper_sign_in" } else { "seatkeeper_sign_in" }
    }

    fn set(&self, name: &str, value: &str, path: &str, age_s: i64) -> String {
        let secure = if self.is_https { "; Secure" } else { "" };
        format!("{name}={value}; Path={path}; Max-Age={age_s}; HttpOnly; SameSite=Lax{secure}")
    }
}

/// Returns the value of the cookie `name`, if it is a well-formed secret. Every request calls this, so it scans bytes
/// without allocation and stops at the first match.
fn find<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get_all(COOKIE).iter().find_map(|line| find_in(line.as_bytes(), name))
}

fn find_in<'h>(mut pairs: &'h [u8], name: &str) -> Option<&'h str> {
    loop {
        pairs = pairs.trim_ascii_start();
        let value = pairs.strip_prefix(name.as_bytes()).and_then(|rest| rest.strip_prefix(b"="));
        if let Some(secret) = value.and_then(leading_secret) {
            return Some(secret);
        }
        let end = pairs.iter().position(|byte| *byte == b';')?;
        pairs = &pairs[end + 1..];
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use expect_test::expect;

    use super::*;

    const SECRET: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    fn found(cookies: Cookies, header: &str) -> Option<String> {
        let headers = HeaderMap::from_iter([(COOKIE, HeaderValue::from_str(header).unwrap())]);
        cookies.find_session(&headers).map(str::to_owned)
    }

    #[test]
    fn session_and_sign_in_cookies_have_the_most_restrictive_attributes() {
        let (plain, https) = (Cookies::new(false), Cookies::new(true));
        let all = [plain.set_session("S"), plain.set_sign_in("B"), https.set_session("S"), https.set_sign_in("B")];
        expect![[r"
            seatkeeper_session=S; Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax
            seatkeeper_sign_in=B; Path=/api/auth; Max-Age=600; HttpOnly; SameSite=Lax
            __Host-seatkeeper_session=S; Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax; Secure
            __Host-seatkeeper_sign_in=B; Path=/; Max-Age=600; HttpOnly; SameSite=Lax; Secure"]]
        .assert_eq(&all.join("\n"));
        expect!["seatkeeper_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"].assert_eq(&plain.clear_session());
    }

    #[test]
    fn session_cookie_is_found_among_other_cookies() {
        let plain = Cookies::new(false);
        for header in [
            format!("seatkeeper_session={SECRET}"),
            format!("a=b; seatkeeper_session={SECRET};c=d"),
            format!("seatkeeper_session=; seatkeeper_session={SECRET}"),
            format!("nonsense;;=;seatkeeper_session={SECRET}"),
            format!("seatkeeper_session={SECRET} ; a=b"),
            format!("seatkeeper_session={SECRET}x; seatkeeper_session={SECRET}"),
        ] {
            assert_eq!(found(plain, &header).as_deref(), Some(SECRET), "{header}");
        }
    }

    #[test]
    fn cookie_with_another_name_or_a_malformed_secret_is_ignored() {
        let plain = Cookies::new(false);
        for header in [
            format!("xseatkeeper_session={SECRET}"),
            format!("seatkeeper_session={SECRET}x"),
            format!("Seatkeeper_Session={SECRET}"),
            format!("seatkeeper_session=\"{SECRET}\""),
            "seatkeeper_session".to_owned(),
        ] {
            assert_eq!(found(plain, &header), None, "{header}");
        }
        assert_eq!(
            found(Cookies::new(true), &format!("seatkeeper_session={SECRET}")),
            None,
            "an https site requires the prefix"
        );
    }
}
