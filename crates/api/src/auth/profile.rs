//! Sanitizes the profile that a provider returns: a name that is safe to show, an address that is safe to send mail to.

use seatkeeper_core::{email::EmailAddress, text};

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

/// Sanitizes a name: replaces control characters by spaces, removes characters that override the direction of text, and
/// collapses white space. Joiners (U+200C, U+200D) are retained, because many scripts need them between letters. The
/// result for a name without a visible character is empty.
fn clean(name: &str) -> String {
    let shown = name.chars().filter(|c| !text::overrides_direction(*c));
    let spaced: String = shown.map(|c| if c.is_control() { ' ' } else { c }).collect();
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let name: String = words.join(" ").chars().take(NAME_CHARS_MAX).collect();
    if name.chars().all(text::is_invisible) { String::new() } else { name }
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
        assert_eq!(name(Some("Ann\u{202e}eeL\r\nX")), "AnneeL X");
        assert_eq!(name(None), "ann.lee");
        assert_eq!(name(Some(" \u{200b} ")), "ann.lee");
        assert_eq!(name(Some("می\u{200c}نا")), "می\u{200c}نا");
        assert_eq!(name(Some("\u{200c}\u{200d}")), "ann.lee");
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
