//! Checks that all times in responses and frames that tests receive have the format of the contract.

use std::{collections::BTreeSet, sync::Mutex};

/// The format of a time up to the seconds. `d` stands for a digit.
const SHAPE: &[u8] = b"dddd-dd-ddTdd:dd:dd";

/// The addresses of servers of the previous version, which write times in two formats, as `127.0.0.1:12345`.
static OLD_SERVERS: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Excludes the server at `url` from the check.
pub(super) fn do_not_expect_from(url: &str) {
    OLD_SERVERS.lock().unwrap().insert(host_of(url).to_owned());
}

/// Includes the server at `url` in the check again.
pub(super) fn expect_from(url: &str) {
    OLD_SERVERS.lock().unwrap().remove(host_of(url));
}

fn host_of(url: &str) -> &str {
    url.split('/').nth(2).unwrap_or_default()
}

/// Asserts that every time in a text from the server at `url` is RFC 3339 in UTC, with exactly three fractional digits,
/// or with none if they are 0.
#[track_caller]
pub(crate) fn check(url: &str, text: &str) {
    if OLD_SERVERS.lock().unwrap().contains(host_of(url)) {
        return;
    }
    if let Some(odd) = odd_time(text) {
        panic!("a time in another format than the contract's, {odd:?}, in {text}");
    }
}

/// The first time in the text that has another format.
fn odd_time(text: &str) -> Option<&str> {
    let bytes = text.as_bytes();
    let starts = bytes.windows(SHAPE.len()).enumerate().filter(|(_, window)| is_time(window));
    let mut times = starts.map(|(start, _)| {
        let is_part = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'+' | b'-' | b':' | b'Z');
        let rest = bytes[start + SHAPE.len()..].iter().take_while(|byte| is_part(byte)).count();
        &text[start..start + SHAPE.len() + rest]
    });
    times.find(|time| {
        let Some(fraction) = time[SHAPE.len()..].strip_suffix('Z') else { return true };
        let digits = fraction.strip_prefix('.').map(str::as_bytes);
        let is_three =
            digits.is_some_and(|digits| digits.len() == 3 && digits.iter().all(u8::is_ascii_digit) && digits != b"000");
        !fraction.is_empty() && !is_three
    })
}

fn is_time(bytes: &[u8]) -> bool {
    SHAPE.iter().zip(bytes).all(|(shape, byte)| if *shape == b'd' { byte.is_ascii_digit() } else { shape == byte })
}

#[test]
fn times_in_other_formats_than_that_of_the_contract_are_reported() {
    let good = r#"{"at":"2026-11-30T01:02:03Z","data":{"at":"2026-11-30T01:02:03.240Z"}} 2026-11-30T01:02"#;
    assert_eq!(odd_time(good), None);
    for bad in [
        "2026-11-30T01:02:03.24Z",
        "2026-11-30T01:02:03.000Z",
        "2026-11-30T01:02:03.240123Z",
        "2026-11-30T01:02:03.240+00:00",
        "2026-11-30T01:02:03",
    ] {
        assert_eq!(odd_time(&format!(r#"{{"a":"2026-11-30T01:02:03Z","b":"{bad}"}}"#)), Some(bad));
    }
}
