//! Texts in mail headers, encoded so that every mail program decodes exactly the text and nothing else.
//!
//! The mail library writes ASCII words unchanged, even one that is itself an encoded word, such as `=?utf-8?b?SGk=?=`: a
//! mail program would show `Hi` instead of the title. Here such a text is encoded as a whole.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Limit of a line of a header, in characters (RFC 5322 recommends 78, RFC 2047 demands 76 for lines with encoded words).
const LINE_CHARS_MAX: usize = 76;

/// Limit of the text in one encoded word, in bytes. In base64 these are 52 characters, with the frame 64, which fit on a
/// line beside the longest header name used.
const ENCODED_BYTES_MAX: usize = 39;

/// Limit of a word that is written unchanged, in characters: it fits on a line beside the longest header name used.
const PLAIN_WORD_CHARS_MAX: usize = 64;

/// The value of an unstructured header such as Subject; `header` is the header's name. The text has one line.
pub(super) fn unstructured(header: &str, text: &str) -> String {
    // Decoders look for encoded words wherever `=?` begins.
    let is_plain = |word: &str| word.bytes().all(|byte| byte.is_ascii_graphic()) && !word.contains("=?");
    encoded(header, text, is_plain)
}

/// The display name of an address in a header. The text has one line and is not empty.
pub(super) fn display_name(header: &str, name: &str) -> String {
    // Only atoms need no quotes (RFC 5322, `phrase`). Quotes would not do for the rest: many mail programs decode encoded
    // words also inside of quotes.
    let is_atom = |word: &str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/^_`{|}~".contains(&byte);
        word.bytes().all(allowed)
    };
    encoded(header, name, is_atom)
}

/// Appends a word that is not encoded, on its own line if it does not fit beside the value.
pub(super) fn with_last_word(header: &str, value: String, word: &str) -> String {
    let column = match value.rsplit_once('\n') {
        Some((_, last_line)) => last_line.len(),
        None => header.len() + ": ".len() + value.len(),
    };
    let space = if column + " ".len() + word.len() > LINE_CHARS_MAX { "\r\n " } else { " " };
    format!("{value}{space}{word}")
}

fn encoded(header: &str, text: &str, is_plain: impl Fn(&str) -> bool) -> String {
    let words: Vec<&str> = text.split(' ').collect();
    let is_unchanged = |word: &&str| !word.is_empty() && word.len() <= PLAIN_WORD_CHARS_MAX && is_plain(word);
    // All words or none: white space between an encoded and a plain word is decoded differently by different programs.
    if words.iter().all(is_unchanged) { folded(header, words.into_iter()) } else { folded(header, encode(text)) }
}

/// Joins words with spaces, and with a line break before a space where the line would be too long.
fn folded<W: AsRef<str>>(header: &str, words: impl Iterator<Item = W>) -> String {
    let (mut value, mut column) = (String::new(), header.len() + ": ".len());
    for word in words {
        let word = word.as_ref();
        if !value.is_empty() {
            if column + " ".len() + word.len() > LINE_CHARS_MAX {
                value.push_str("\r\n");
                column = 0;
            }
            value.push(' ');
            column += 1;
        }
        value.push_str(word);
        column += word.len();
    }
    value
}

/// Splits a text into encoded words (RFC 2047), never within a character. Decoders remove the white space between them.
fn encode(text: &str) -> impl Iterator<Item = String> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (part, after) = rest.split_at_checked(rest.floor_char_boundary(ENCODED_BYTES_MAX))?;
        rest = after;
        (!part.is_empty()).then(|| format!("=?utf-8?b?{}?=", STANDARD.encode(part)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_is_unchanged_and_folded_at_spaces() {
        assert_eq!(unstructured("Subject", "Your tickets: Up (K7QM-4TXD)"), "Your tickets: Up (K7QM-4TXD)");
        let long = "word ".repeat(40);
        let value = unstructured("Subject", long.trim_end());
        assert!(value.lines().all(|line| line.len() <= LINE_CHARS_MAX), "{value}");
        assert_eq!(value.replace("\r\n", ""), long.trim_end());
    }

    #[test]
    fn text_that_could_be_decoded_or_split_is_encoded_as_a_whole() {
        for text in
            ["=?utf-8?b?SGk=?= plain", "a=?b", "เรือ =?utf-8?q?x?= plain", "two  spaces", " edge", &"a".repeat(65)]
        {
            let value = unstructured("Subject", text);
            assert!(value.split(' ').all(|word| word.starts_with("=?utf-8?b?")), "{text:?}: {value}");
            assert!(value.lines().all(|line| line.len() <= LINE_CHARS_MAX), "{text:?}: {value}");
        }
    }

    #[test]
    fn display_name_is_unchanged_only_if_it_consists_of_atoms() {
        assert_eq!(display_name("To", "Ann O'Neil"), "Ann O'Neil");
        for name in ["Ann, Ben", "Ann <x@y.test>", "\"Ann\"", "J. Doe", "Ann\\", "(Ann)", "=?utf-8?b?SGk=?=", "สมชาย"]
        {
            assert!(display_name("To", name).starts_with("=?utf-8?b?"), "{name}");
        }
    }

    #[test]
    fn address_follows_the_name_on_the_same_line_if_it_fits() {
        let line = |name: &str| with_last_word("To", display_name("To", name), "<ann@example.test>");
        assert_eq!(line("Ann Lee"), "Ann Lee <ann@example.test>");
        for name in ["ก".repeat(26), "Ann ".repeat(15).trim_end().to_owned()] {
            let value = line(&name);
            assert!(
                value.ends_with("\r\n <ann@example.test>") && value.lines().all(|line| line.len() <= 76),
                "{value}"
            );
        }
    }
}
