//! The preferred language of the browser (`Accept-Language`), used for people who sign in for the first time.

use axum::http::{HeaderMap, header::ACCEPT_LANGUAGE};
use seatkeeper_core::person::Language;

/// Maximum number of languages that are read from the header; the rest is ignored.
const LANGUAGES_MAX: usize = 20;

/// The supported language that the browser prefers; Thai if it names none, because the cinema is Thai.
pub(super) fn preferred(headers: &HeaderMap) -> Language {
    let header = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut best = (0u16, Language::Th);
    for part in header.split(',').take(LANGUAGES_MAX) {
        let (tag, weight) = part.split_once(';').unwrap_or((part, ""));
        let weight = weight_of(weight);
        let primary = tag.trim().split('-').next().unwrap_or_default().to_ascii_lowercase();
        // Among equal weights the first wins.
        if let Some(language) = primary.parse().ok().filter(|_| weight > best.0) {
            best = (weight, language);
        }
    }
    best.1
}

/// Parses a language's weight (`q=0.8`), in thousandths; 1,000 when missing, 0 when malformed.
fn weight_of(parameter: &str) -> u16 {
    let Some(value) = parameter.trim().strip_prefix("q=") else { return 1_000 };
    let value: f32 = value.trim().parse().unwrap_or(0.0);
    // The cast turns NaN into 0.
    (value.clamp(0.0, 1.0) * 1_000.0) as u16
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn preferred_supported_language_is_chosen() {
        for (header, language) in [
            ("th", Language::Th),
            ("en-GB,en;q=0.9", Language::En),
            ("de-DE,de;q=0.9,en;q=0.8,th;q=0.7", Language::En),
            ("en;q=0.5, th-TH;q=0.9", Language::Th),
            ("en;q=0", Language::Th),
            ("EN", Language::En),
            ("fr", Language::Th),
            ("", Language::Th),
            ("*", Language::Th),
            ("en;q=NaN", Language::Th),
            ("th;q=1,en;q=9", Language::Th),
        ] {
            let headers = HeaderMap::from_iter([(ACCEPT_LANGUAGE, HeaderValue::from_static(header))]);
            assert_eq!(preferred(&headers), language, "{header}");
        }
        assert_eq!(preferred(&HeaderMap::new()), Language::Th);
    }
}
