//! Sanitizes the profile that a provider returns: a name that is safe to show, an address that is safe to send mail to.

use seatkeeper_core::email::EmailAddress;

/// Maximum length of a person's name, in characters; longer names are truncated.
const NAME_CHARS_MAX: usize = 100;
/// The longest URL of a picture, in bytes.
const PICTURE_URL_CHARS_MAX: usize = 2_000;

/// A sanitized name and e-mail address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Profile {
    pub(super) name: String,
    pub(super) email: String,
}

impl Profile {
    /// Sanitizes name and address. If nothing visible remains of the name, the part of the address before the `@`
    /// becomes the name. `None` for an invalid address.
    pub(super) fn new(name: Option<&str>, email: &str) -> Option<Self> {
        let email = EmailAddress::parse(email)?;
        let name = clean(name.unwrap_or_default());
        let name = if name.is_empty() { clean(email.local_part()) } else { name };
        Some(Self { name, email: email.as_str().to_owned() })
    }
}

/// Returns the URL of a profile picture, if it is https and not too long.
pub(super) fn picture_url(text: &str) -> Option<String> {
    let url = url::Url::parse(text).ok().filter(|url| url.scheme() == "https")?;
    (url.as_str().len() <= PICTURE_URL_CHARS_MAX).then(|| url.into())
}

/// Sanitizes a name: removes control, zero-width and text-direction characters, and collapses white space.
fn clean(name: &str) -> String {
    let is_hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    let visible: String = name.chars().map(|c| if is_hidden(c) { ' ' } else { c }).collect();
    let words: Vec<&str> = visible.split_whitespace().collect();
    words.join(" ").chars().take(NAME_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn internationalised_address_is_accepted_and_an_invalid_one_refused() {
        for good in ["ann@ร้าน.ไทย", "ร้าน@ร้าน.ไทย", " josé@exämple.test "] {
            assert_eq!(Profile::new(Some("Ann"), good).map(|profile| profile.email).as_deref(), Some(good.trim()));
        }
        for bad in ["", "ann", "ann@", "a@b@c", "a@x.test\r\nBcc: b@x.test"] {
            assert_eq!(Profile::new(Some("Ann"), bad), None, "{bad:?}");
        }
    }

    #[test]
    fn names_are_sanitized_and_default_to_the_address() {
        let name = |name| Profile::new(name, "ann.lee@example.test").unwrap().name;
        assert_eq!(name(Some("  สมชาย \t ใจดี ")), "สมชาย ใจดี");
        assert_eq!(name(Some("Ann\u{202e}eeL\r\nX")), "Ann eeL X");
        assert_eq!(name(None), "ann.lee");
        assert_eq!(name(Some(" \u{200b} ")), "ann.lee");
        assert_eq!(name(Some(&"ก".repeat(500))).chars().count(), NAME_CHARS_MAX);
    }

    #[test]
    fn picture_url_must_be_https() {
        assert_eq!(picture_url("https://a.test/p.jpg").as_deref(), Some("https://a.test/p.jpg"));
        for bad in ["http://a.test/p.jpg", "javascript:alert(1)", "data:image/png;base64,AAAA", "/p.jpg", ""] {
            assert_eq!(picture_url(bad), None, "{bad}");
        }
    }
}
