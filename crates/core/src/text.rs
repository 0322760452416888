//! Rules of texts that people type: what a title may contain, and which texts count as the same.

use caseless::Caseless;
use unicode_normalization::UnicodeNormalization;

use crate::invalid::Rule;

/// Checks a text of one line, such as a title or a name.
///
/// # Errors
/// The first rule that the text breaks.
pub fn check_line(text: &str, chars_max: usize) -> Result<(), Rule> {
    check(text, chars_max, char::is_control)
}

/// Checks a text of several lines.
///
/// # Errors
/// The first rule that the text breaks.
pub fn check_lines(text: &str, chars_max: usize) -> Result<(), Rule> {
    check(text, chars_max, |c| c.is_control() && c != '\n')
}

fn check(text: &str, chars_max: usize, is_refused: impl Fn(char) -> bool) -> Result<(), Rule> {
    if text.trim().is_empty() || text.chars().count() > chars_max {
        return Err(Rule::Length { min: 1, max: chars_max });
    }
    // U+2028 and U+2029 are line feeds without being control characters.
    if text.chars().any(|c| is_refused(c) || matches!(c, '\u{2028}' | '\u{2029}')) {
        return Err(Rule::ControlCharacters {});
    }
    if text.chars().any(overrides_direction) {
        return Err(Rule::DirectionCharacters {});
    }
    if text.chars().all(is_invisible) {
        return Err(Rule::Visible {});
    }
    Ok(())
}

/// Whether the character embeds, overrides or isolates the direction of the text after it (Unicode Standard Annex 9). Such
/// characters can make a text look like another one. The marks U+200E and U+200F only affect their neighbours.
#[must_use]
pub fn overrides_direction(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether the character shows nothing by itself: white space, and characters that Unicode lets programs ignore
/// (`Default_Ignorable_Code_Point`). Some of them have a meaning inside words, such as U+200C and U+200D in Persian and Hindi.
#[must_use]
pub fn is_invisible(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// A text for comparison without case. Texts that look the same, but are encoded as other characters, are equal (NFC).
#[must_use]
pub fn folded(text: &str) -> String {
    text.nfc().default_case_fold().nfc().collect()
}

/// A text for search: without case, and without differences of width, form or encoding (NFKC).
#[must_use]
pub fn search_key(text: &str) -> String {
    text.nfkc().default_case_fold().nfkc().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_with_control_direction_or_only_invisible_characters_are_refused() {
        let refused = |text: &str| check_line(text, 20).unwrap_err().to_string();
        for text in ["", " ", "\u{3000}", "123456789012345678901"] {
            assert_eq!(refused(text), "1 to 20 characters", "{text:?}");
        }
        for text in ["a\nb", "a\tb", "a\u{0}", "a\u{85}b", "a\u{2028}b", "a\u{2029}b"] {
            assert_eq!(refused(text), "no control characters", "{text:?}");
        }
        for text in ["a\u{202e}b", "\u{202a}a", "a\u{2066}b", "a\u{2069}"] {
            assert_eq!(refused(text), "no characters that override the direction of text", "{text:?}");
        }
        for text in ["\u{200b}", "\u{200c}\u{200d}", "\u{2800}", "\u{3164}", " \u{ad} ", "\u{fe0f}", "\u{e0041}"] {
            assert_eq!(refused(text), "at least one visible character", "{text:?}");
        }
    }

    #[test]
    fn titles_with_joiners_marks_and_letters_of_any_script_are_accepted() {
        for text in ["می\u{200c}خواهم", "क्\u{200d}ष", "🧑\u{200d}🚀", "ต้มยำกุ้ง", "שלום\u{200f}!", "Amélie", "☀\u{fe0f}"]
        {
            assert_eq!(check_line(text, 20), Ok(()), "{text:?}");
        }
        assert_eq!(check_lines("one\ntwo", 20), Ok(()));
        assert_eq!(check_lines("one\rtwo", 20), Err(Rule::ControlCharacters {}));
    }

    #[test]
    fn folded_texts_are_equal_whatever_their_case_and_encoding() {
        for (one, other) in [("VIP", "vip"), ("Café", "CAFE\u{301}"), ("Straße", "STRASSE"), ("ΣΊΣΥΦΟΣ", "σίσυφος")]
        {
            assert_eq!(folded(one), folded(other), "{one}");
        }
        assert_ne!(folded("ＶＩＰ"), folded("VIP"), "width is a difference for names, not for search");
        assert_eq!(search_key("ＶＩＰ"), search_key("vip"));
        assert_eq!(search_key("ﬁlm"), search_key("FILM"));
        assert_eq!(search_key("กำ"), search_key("กํา"), "SARA AM is the same as NIKHAHIT and SARA AA");
    }
}
