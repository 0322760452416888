//! Sanitizes the profile that a provider returns: a name that is safe to show, an address that is safe to send mail to.

/// Maximum length of a person's name, in characters; longer names are truncated.
const NAME_CHARS_MAX: usize = 100;
/// Maximum length of an e-mail address (256 characters with angle brackets in RFC 5321, so 254 without).
pub(super) const EMAIL_CHARS_MAX: usize = 254;
/// Maximum length of an e-mail address's part before the `@`.
const EMAIL_LOCAL_CHARS_MAX: usize = 64;
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
        let email = email.trim();
        let (local, _) = email.split_once('@').filter(|_| is_email(email))?;
        let name = clean(name.unwrap_or_default());
        let name = if name.is_empty() { clean(local) } else { name };
        Some(Self { name, email: email.to_owned() })
    }
}

/// Whether the text has the syntax of an e-mail address that every mail server accepts, without quoting and comments.
pub(super) fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let is_word =
        |word: &str| !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || "!#$%&'*+/=?^_`{|}~-".contains(c));
    let is_label = |label: &str| {
        !label.is_empty()
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= EMAIL_CHARS_MAX
        && local.len() <= EMAIL_LOCAL_CHARS_MAX
        && local.split('.').all(is_word)
        && domain.split('.').all(is_label)
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
    fn is_email_accepts_plain_addresses_only() {
        for good in ["ann@example.test", "a.b+c@sub.example.co.th", "o'neil@x", "josé@exämple.test"] {
            assert!(is_email(good), "{good}");
        }
        for bad in [
            "",
            "ann",
            "@example.test",
            "ann@",
            "a b@x.test",
            "a@b@c",
            "a..b@x.test",
            ".a@x.test",
            "a@-x.test",
            "a@x..test",
            "a@x.test\r\nBcc: b@x.test",
            "<a@x.test>",
            "\"a\"@x.test",
            "a,b@x.test",
            "a@[127.0.0.1]",
        ] {
            assert!(!is_email(bad), "{bad:?}");
        }
        assert!(!is_email(&format!("{}@x.test", "a".repeat(65))));
        assert!(!is_email(&format!("a@{}", "a.".repeat(130))));
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
