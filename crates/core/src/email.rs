//! E-mail addresses, internationalised ones included: the one parser for sign-in and for mails.

use std::fmt;

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

use crate::text;

/// Limit of an e-mail address, in bytes (256 with angle brackets in RFC 5321, so 254 without). It applies to the address
/// as it is written and as it is sent, with its domain in ASCII.
pub const EMAIL_BYTES_MAX: usize = 254;

/// Limit of the part before the `@`, in bytes (RFC 5321).
const LOCAL_BYTES_MAX: usize = 64;

/// The ASCII characters of an unquoted local part, beside letters and digits (RFC 5322, `atext`).
const LOCAL_SYMBOLS: &str = "!#$%&'*+/=?^_`{|}~-";

/// An e-mail address with the syntax that mail servers accept, without quoting, comments and address literals.
///
/// Both parts may be internationalised. The domain is converted to ASCII (IDNA) for mail servers; a local part that is not
/// ASCII needs a mail server with the extension SMTPUTF8 (RFC 6531).
#[derive(Clone, PartialEq, Eq)]
pub struct EmailAddress {
    written: String,
    local_bytes: usize,
    ascii_domain: String,
}

impl EmailAddress {
    /// Parses an address; white space around it is ignored. `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (local, domain) = text.rsplit_once('@')?;
        let ascii_domain = to_ascii(domain)?;
        let sent_bytes = local.len() + "@".len() + ascii_domain.len();
        let fits = text.len() <= EMAIL_BYTES_MAX && sent_bytes <= EMAIL_BYTES_MAX && local.len() <= LOCAL_BYTES_MAX;
        let is_dot_atom = local.split('.').all(|word| !word.is_empty() && word.chars().all(is_local_char));
        (fits && is_dot_atom).then(|| Self { written: text.to_owned(), local_bytes: local.len(), ascii_domain })
    }

    /// The address as the person writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// The part before the `@`.
    #[must_use]
    pub fn local_part(&self) -> &str {
        self.written.get(..self.local_bytes).unwrap_or_default()
    }

    /// The domain in ASCII and in lower case, as DNS and mail servers know it: `xn--42c6b.xn--o3cw4h` for `คน.ไทย`.
    #[must_use]
    pub fn ascii_domain(&self) -> &str {
        &self.ascii_domain
    }

    /// The address in the form in which addresses are compared.
    #[must_use]
    pub fn key(&self) -> EmailKey {
        // Only ASCII is changed: the Unicode case mapping would make equal what mail servers deliver to two people, such
        // as `k` and U+212A, the Kelvin sign.
        EmailKey(format!("{}@{}", self.local_part().to_ascii_lowercase(), self.ascii_domain))
    }

    /// Whether only a mail server with the extension SMTPUTF8 accepts the address. The domain never needs it.
    #[must_use]
    pub fn needs_smtputf8(&self) -> bool {
        !self.local_part().is_ascii()
    }
}

/// An e-mail address in the form in which addresses are compared: with ASCII letters in lower case and the domain as in DNS
/// (IDNA), so that `Ann@Exämple.test` and `ann@xn--exmple-cua.test` are equal.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EmailKey(String);

impl EmailKey {
    /// Parses an address; `None` if [`EmailAddress::parse`] refuses it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        EmailAddress::parse(text).map(|address| address.key())
    }

    /// The address in the form in which addresses are compared.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the `@`, with ASCII letters in lower case.
    #[must_use]
    pub fn local_part(&self) -> &str {
        self.0.split('@').next().unwrap_or_default()
    }
}

impl fmt::Display for EmailKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

// An address is personal data: `{:?}` in a log line must not show it.
impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmailAddress(***)")
    }
}

impl fmt::Debug for EmailKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmailKey(***)")
    }
}

/// Converts a domain to ASCII. `None` if it is no domain name.
fn to_ascii(domain: &str) -> Option<String> {
    // Hyphens at the third and fourth position are valid in names that exist; those at the ends of a label are not.
    let converted =
        Uts46::new().to_ascii(domain.as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast, DnsLength::Verify);
    // The reason does not matter: the caller only says that this is no address.
    converted.ok().map(|ascii| ascii.into_owned())
}

fn is_local_char(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric() || LOCAL_SYMBOLS.contains(c);
    }
    // RFC 6531 permits invisible characters, but two addresses that look the same would be two people.
    !text::is_invisible(c) && !has_no_defined_look(c)
}

/// Private use characters, noncharacters and specials, which look different in each font, or like nothing.
fn has_no_defined_look(c: char) -> bool {
    matches!(c,
        '\u{e000}'..='\u{f8ff}' | '\u{fdd0}'..='\u{fdef}' | '\u{fff0}'..='\u{ffff}' | '\u{e1000}'..='\u{10ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_in_any_script_is_parsed_and_its_domain_is_converted_to_ascii() {
        for (text, ascii_domain, needs_smtputf8) in [
            ("ann@example.test", "example.test", false),
            ("a.b+c@Sub.Example.co.th", "sub.example.co.th", false),
            ("o'neil@x", "x", false),
            ("ann@ab--cd.test", "ab--cd.test", false),
            ("josé@exämple.test", "xn--exmple-cua.test", true),
            ("ann@คน.ไทย", "xn--42c6b.xn--o3cw4h", false),
            // U+0E49, a tone mark, is neither a letter nor a digit.
            ("ann@ร้าน.ไทย", "xn--q3ct9b5e.xn--o3cw4h", false),
            ("ร้านน้ำ.ชา@ร้าน.ไทย", "xn--q3ct9b5e.xn--o3cw4h", true),
            ("संपर्क@डाटामेल.भारत", "xn--c2bd4bq1db8d.xn--h2brj9c", true),
            ("用户@例え。jp", "xn--r8jz45g.jp", true),
            ("ann@xn--q3ct9b5e.xn--o3cw4h", "xn--q3ct9b5e.xn--o3cw4h", false),
        ] {
            let address = EmailAddress::parse(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(address.as_str(), text);
            assert_eq!(format!("{}@", address.local_part()), text[..=text.rfind('@').unwrap()]);
            assert_eq!((address.ascii_domain(), address.needs_smtputf8()), (ascii_domain, needs_smtputf8), "{text}");
        }
        assert_eq!(EmailAddress::parse(" ann@example.test\n").unwrap().as_str(), "ann@example.test");
    }

    #[test]
    fn text_that_no_mail_server_accepts_is_no_address() {
        for bad in [
            "",
            "ann",
            "@example.test",
            "ann@",
            "a b@x.test",
            "a@b@c",
            "a..b@x.test",
            ".a@x.test",
            "a.@x.test",
            "a@-x.test",
            "a@x-.test",
            "a@x..test",
            "a@.x.test",
            "a@x.test.",
            "a@x_y.test",
            "a@x.test\r\nBcc: b@x.test",
            "a\r\nBcc: b@x.test",
            "a\u{0}@x.test",
            "<a@x.test>",
            "\"a\"@x.test",
            "a,b@x.test",
            "a@x.test,b@x.test",
            "a@[127.0.0.1]",
            "a(b)@x.test",
            "a\\b@x.test",
            // Not a character of domain names: a symbol, a space, an invalid Punycode label, a direction override.
            "a@♥\u{200e}.test",
            "a@ร้า น.ไทย",
            "a@xn--999999999.test",
            "a@ร้าน\u{202e}.ไทย",
            // Invisible in a local part.
            "an\u{200b}n@x.test",
            "ann\u{202e}@x.test",
            "an\u{ad}n@x.test",
            "an\u{2800}n@x.test",
            "ร้าน\u{3000}น้ำ@x.test",
            "\u{feff}ร้าน\u{2028}@x.test",
        ] {
            assert!(EmailAddress::parse(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn overlong_parts_are_refused_in_bytes_as_written_and_as_sent() {
        let is_address = |text: String| EmailAddress::parse(&text).is_some();
        assert!(is_address(format!("{}@x.test", "a".repeat(64))));
        assert!(!is_address(format!("{}@x.test", "a".repeat(65))));
        assert!(is_address(format!("{}@x.test", "ก".repeat(21))));
        assert!(!is_address(format!("{}@x.test", "ก".repeat(22))));
        assert!(is_address(format!("a@{}.test", "b".repeat(63))));
        assert!(!is_address(format!("a@{}.test", "b".repeat(64))));
        let label = format!("{}.", "b".repeat(61));
        assert!(is_address(format!("abc@{}xy", label.repeat(4))), "254 bytes");
        assert!(!is_address(format!("abcd@{}xy", label.repeat(4))), "255 bytes");
    }

    #[test]
    fn debug_output_hides_the_address() {
        let address = EmailAddress::parse("ann@example.test").unwrap();
        let shown = format!("{address:?} {:?}", address.key());
        assert!(!shown.contains("ann") && !shown.contains("example"), "{shown}");
    }

    #[test]
    fn addresses_are_equal_without_case_and_with_the_domain_in_unicode_or_in_dns_form() {
        let key = |text| EmailKey::parse(text).unwrap_or_else(|| panic!("{text}"));
        assert_eq!(key(" Ann.Lee@Example.TEST "), key("ann.lee@example.test"));
        assert_eq!(key("ann@EXÄMPLE.test"), key("ann@xn--exmple-cua.test"));
        assert_eq!(key("ann@โรงหนัง.ไทย").as_str(), "ann@xn--72ca7cvb2byb4h.xn--o3cw4h");
        assert_ne!(key("ann@example.test"), key("ann@example.test.evil.test"));
        assert_ne!(key("ann+x@example.test"), key("ann@example.test"));
        assert_ne!(key("mar\u{212a}@example.test"), key("mark@example.test"), "U+212A, the Kelvin sign, is no k");
        assert_eq!(key("Ann@example.test").local_part(), "ann");
    }
}
