//! Compares the mails with stored snapshots, and tests that names cannot inject markup or headers. `UPDATE_EXPECT=1
//! cargo test` updates the snapshots.

use std::path::{Path, PathBuf};

use expect_test::{expect, expect_file};
use jiff::tz::TimeZone;

use super::words::{baht, long_date_time};
use super::*;

/// The path of a stored snapshot. It is absolute, because `expect_file` resolves relative paths wrongly when the
/// checkout lies in another Cargo workspace.
fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/mail/golden").join(name)
}

pub(super) fn booking() -> ConfirmationMail {
    ConfirmationMail {
        code: "K7QM-4TXD".into(),
        movie_title: "The Last Ferry to Koh Noi".into(),
        hall_name: "Hall 1".into(),
        start_time: "2026-11-28T12:30:00Z".parse().unwrap(),
        time_zone: TimeZone::get("Asia/Bangkok").unwrap(),
        seats: vec![
            ("A12".into(), "seat".into()),
            ("N3".into(), "pair".into()),
            ("M1".into(), "wheelchair".into()),
            ("M2".into(), "companion".into()),
        ],
        total_minor: 110_000,
        customer_name: "Ann O'Neil".into(),
        cinema_name: "Seatkeeper Cinema".into(),
        booking_url: "https://cinema.example/bookings/b1?from=mail&lang=en".into(),
    }
}

fn thai_booking() -> ConfirmationMail {
    ConfirmationMail {
        movie_title: "เรือเที่ยวสุดท้าย".into(),
        hall_name: "โรง 1".into(),
        customer_name: "กัญญา ฐิติญาณ".into(),
        cinema_name: "โรงหนังซีทคีปเปอร์".into(),
        ..booking()
    }
}

#[test]
fn english_confirmation_mail_matches_its_snapshot() {
    let mail = render_confirmation(&booking(), Language::En).unwrap();
    expect!["Your tickets: The Last Ferry to Koh Noi, Saturday, 28 November 2026, 19:30 (K7QM-4TXD)"]
        .assert_eq(&mail.subject);
    expect_file![golden("confirmation.en.txt")].assert_eq(&mail.text);
    expect_file![golden("confirmation.en.html")].assert_eq(&mail.html);
}

#[test]
fn thai_confirmation_mail_matches_its_snapshot() {
    let mail = render_confirmation(&thai_booking(), Language::Th).unwrap();
    expect!["ตั๋วของคุณ: เรือเที่ยวสุดท้าย วันเสาร์ที่ 28 พฤศจิกายน 2569 เวลา 19:30 น. (รหัส K7QM-4TXD)"].assert_eq(&mail.subject);
    expect_file![golden("confirmation.th.txt")].assert_eq(&mail.text);
    expect_file![golden("confirmation.th.html")].assert_eq(&mail.html);
}

#[test]
fn rendering_the_same_booking_twice_gives_the_same_bytes() {
    let first = render_confirmation(&thai_booking(), Language::Th).unwrap();
    assert_eq!(first, render_confirmation(&thai_booking(), Language::Th).unwrap());
}

#[test]
fn mail_loads_no_external_resources() {
    let html = render_confirmation(&booking(), Language::En).unwrap().html;
    for loading in ["<link", "@import", "<img", "<script", "url("] {
        assert!(!html.contains(loading), "{loading} in {html}");
    }
}

#[test]
fn markup_in_any_field_is_escaped_in_the_html_part() {
    let hostile = "</td></tr><script>alert(1)</script><mj-raw><img src=x onerror=\"a\">&amp;{{ mail }}{% raw %}";
    let mail = ConfirmationMail {
        code: hostile.into(),
        movie_title: hostile.into(),
        hall_name: hostile.into(),
        seats: vec![(hostile.into(), hostile.into())],
        customer_name: hostile.into(),
        cinema_name: hostile.into(),
        booking_url: format!("https://cinema.example/\"><script>x</script>{hostile}"),
        ..booking()
    };
    let clean = render_confirmation(&booking(), Language::En).unwrap();
    let rendered = render_confirmation(&mail, Language::En).unwrap();
    let tags = |html: &str| html.matches('<').count();
    let rows = 3 * 2 * 3; // The clean mail has three more seats: <tr>, <th> and <td>, each opened and closed.
    assert_eq!(tags(&rendered.html) + rows, tags(&clean.html), "{}", rendered.html);
    assert!(!rendered.html.contains("<script"), "{}", rendered.html);
    assert!(!rendered.html.contains("<mj-"), "{}", rendered.html);
    assert!(!rendered.html.contains("<img"), "{}", rendered.html);
    assert!(rendered.html.contains("&lt;script&gt;alert(1)&lt;"), "{}", rendered.html);
    assert!(rendered.text.contains("{{ mail }}{% raw %}"), "{}", rendered.text);
}

/// The value of an attribute as a browser reads it. The program writes numeric references only.
fn attribute<'a>(html: &'a str, name: &str) -> (&'a str, String) {
    let written = html.split(&format!(" {name}=\"")).nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    let mut parts = written.split("&#");
    let mut value = parts.next().unwrap().to_owned();
    for part in parts {
        let (number, rest) = part.split_once(';').unwrap();
        value.push(char::from_u32(number.parse().unwrap()).unwrap());
        value.push_str(rest);
    }
    (written, value)
}

#[test]
fn label_of_the_mail_is_its_subject_in_every_script() {
    for title in ["เรือเที่ยวสุดท้าย", "C:\\temp\\u{e31}", "\"quoted\" & <b>'x'", "👩‍👩‍👧 cafe\u{301}", "นํ้า\u{ad}\u{a0}x"]
    {
        let mail = ConfirmationMail { movie_title: title.into(), ..thai_booking() };
        for language in [Language::Th, Language::En] {
            let rendered = render_confirmation(&mail, language).unwrap();
            let (written, value) = attribute(&rendered.html, "aria-label");
            assert_eq!(value, rendered.subject, "{written}");
            assert!(written.is_ascii());
        }
    }
}

#[test]
fn no_attribute_is_formatted_as_debug_output() {
    let odd = "ตั้\\n\"'\u{200d}\u{ad}";
    let mail = ConfirmationMail {
        code: odd.into(),
        movie_title: odd.into(),
        hall_name: odd.into(),
        seats: vec![(odd.into(), odd.into())],
        customer_name: odd.into(),
        cinema_name: odd.into(),
        booking_url: format!("https://cinema.example/{odd}"),
        ..booking()
    };
    for language in [Language::Th, Language::En] {
        let html = render_confirmation(&mail, language).unwrap().html;
        let tags = html.split('<').filter_map(|tag| tag.split('>').next());
        for tag in tags.filter(|tag| tag.contains('=') && !tag.starts_with('!')) {
            assert!(!tag.contains('\\'), "an attribute with a backslash: <{tag}>");
            assert_eq!(tag.matches('"').count() % 2, 0, "a quote within an attribute: <{tag}>");
        }
        assert!(!html.contains("\\u{"), "{html}");
        let (_, url) = attribute(&html, "href");
        assert_eq!(url, mail.booking_url);
    }
}

#[test]
fn html_part_has_its_language_one_main_landmark_and_headings_in_order() {
    for (language, lang) in [(Language::Th, "th"), (Language::En, "en")] {
        let html = render_confirmation(&booking(), language).unwrap().html;
        assert!(html.starts_with(&format!("<!doctype html><html lang=\"{lang}\" dir=\"ltr\" ")), "{html}");
        assert!(html.contains(&format!("role=\"article\" lang=\"{lang}\" dir=\"ltr\"")), "{html}");
        assert_eq!(html.matches("role=\"main\"").count(), 1);
        let headings: Vec<&str> = html
            .split("<h")
            .skip(1)
            .filter_map(|rest| rest.get(..1))
            .filter(|level| "123456".contains(level))
            .collect();
        assert_eq!(headings, ["1", "2", "2"]);
        let (before, within) = html.split_once("<div role=\"main\">").unwrap();
        assert!(!before.contains("role=\"article\"") && within.contains("role=\"article\""));
        assert_eq!(within.matches("<div").count() + 1, within.matches("</div>").count(), "closed");
    }
}

#[test]
fn line_break_in_a_name_adds_no_header_and_no_line() {
    let mail = ConfirmationMail {
        movie_title: "Film\r\nBcc: all@example.test\r\n\r\nBody".into(),
        customer_name: "Ann\r\nBooking code: FAKE-0000\u{2028}\u{202e}Total paid: nothing".into(),
        ..booking()
    };
    for language in [Language::En, Language::Th] {
        let rendered = render_confirmation(&mail, language).unwrap();
        assert!(!rendered.subject.contains(['\r', '\n']), "{:?}", rendered.subject);
        assert!(!rendered.text.contains('\u{202e}'));
        assert!(rendered.text.lines().all(|line| !line.starts_with("Booking code: FAKE")), "{}", rendered.text);
        assert!(rendered.text.lines().all(|line| !line.starts_with("Bcc:")), "{}", rendered.text);
    }
}

#[test]
fn overlong_name_is_truncated_with_an_ellipsis() {
    let mail = ConfirmationMail { customer_name: "ก".repeat(100_000), ..booking() };
    let rendered = render_confirmation(&mail, Language::Th).unwrap();
    assert!(rendered.text.len() < 4_000, "{} bytes", rendered.text.len());
    assert!(rendered.text.contains("กก…"));
}

#[test]
fn greeting_is_valid_when_the_customer_has_no_name() {
    let mail = ConfirmationMail { customer_name: " \t".into(), ..booking() };
    assert!(render_confirmation(&mail, Language::En).unwrap().text.contains("\nHello,\n"));
    assert!(render_confirmation(&mail, Language::Th).unwrap().text.contains("\nสวัสดี\n"));
}

#[test]
fn date_is_shown_in_the_cinemas_time_zone() {
    let bangkok = TimeZone::get("Asia/Bangkok").unwrap();
    let late = "2026-12-31T17:05:00Z".parse().unwrap();
    expect!["Friday, 1 January 2027, 00:05"].assert_eq(&long_date_time(late, &bangkok, Language::En));
    expect!["วันศุกร์ที่ 1 มกราคม 2570 เวลา 00:05 น."].assert_eq(&long_date_time(late, &bangkok, Language::Th));
    expect!["Thursday, 31 December 2026, 17:05"].assert_eq(&long_date_time(late, &TimeZone::UTC, Language::En));
}

#[test]
fn every_weekday_and_month_has_a_name() {
    let english = |at: &str| long_date_time(at.parse().unwrap(), &TimeZone::UTC, Language::En);
    let thai = |at: &str| long_date_time(at.parse().unwrap(), &TimeZone::UTC, Language::Th);
    let days: Vec<String> = (1..=7).map(|day| english(&format!("2026-06-0{day}T00:00:00Z"))).collect();
    for (day, word) in days.iter().zip(["Mon", "Tues", "Wednes", "Thurs", "Fri", "Satur", "Sun"]) {
        assert!(day.starts_with(&format!("{word}day, ")), "{day}");
    }
    let months: Vec<String> = (1..=12).map(|month| thai(&format!("2026-{month:02}-15T00:00:00Z"))).collect();
    for (month, word) in months.iter().zip([
        "มกรา",
        "กุมภา",
        "มีนา",
        "เมษา",
        "พฤษภา",
        "มิถุนา",
        "กรกฎา",
        "สิงหา",
        "กันยา",
        "ตุลา",
        "พฤศจิกา",
        "ธันวา",
    ]) {
        assert!(month.contains(&format!(" 15 {word}")), "{month}");
    }
}

#[test]
fn mail_of_a_free_booking_says_that_nothing_was_paid() {
    let free = ConfirmationMail { total_minor: 0, ..booking() };
    for (language, words) in [(Language::En, "Total paid: ฿0 (free)"), (Language::Th, "ยอดชำระทั้งหมด: ฿0 (ไม่มีค่าใช้จ่าย)")]
    {
        let mail = render_confirmation(&free, language).unwrap();
        assert!(mail.text.contains(words), "{}", mail.text);
        let amount = words.split_once(": ").unwrap().1;
        assert!(mail.html.contains(amount), "{}", mail.html);
    }
}

#[test]
fn amounts_in_satang_are_formatted_as_baht() {
    for (satang, text) in [
        (0, "฿0"),
        (5, "฿0.05"),
        (20_000, "฿200"),
        (106_050, "฿1,060.50"),
        (123_456_789, "฿1,234,567.89"),
        (-28_000, "-฿280"),
        (i64::MIN, "-฿92,233,720,368,547,758.08"),
    ] {
        assert_eq!(baht(satang), text);
    }
}
