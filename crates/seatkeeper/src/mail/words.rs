//! Texts of the mails in each language, and formatting of dates, money and kinds of seats.

use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use seatkeeper_core::person::Language;
use serde::Serialize;

/// By how many years Thailand's Buddhist calendar is ahead of the common era.
const BUDDHIST_YEARS_AHEAD: i32 = 543;

/// Number of satang in a baht.
const SATANG_PER_BAHT: u64 = 100;

/// Fixed texts, passed to the templates as `words`.
#[derive(Debug, Serialize)]
pub(super) struct Words {
    lang: &'static str,
    heading: &'static str,
    code: &'static str,
    seats: &'static str,
    total: &'static str,
    next_heading: &'static str,
    next_show: &'static str,
    next_arrive: &'static str,
    next_keep: &'static str,
    button: &'static str,
    automatic: &'static str,
}

static ENGLISH: Words = Words {
    lang: "en",
    heading: "Your seats are booked",
    code: "Booking code",
    seats: "Seats",
    total: "Total paid",
    next_heading: "What to do next",
    next_show: "Show the booking code at the door of the hall. There is nothing to print.",
    next_arrive: "Please be there 15 minutes before the film begins.",
    next_keep: "Lost this mail? Your ticket stays in “My tickets” on our page.",
    button: "Open my ticket",
    automatic: "This mail was sent automatically because you booked seats with us. Answers to it are not read.",
};

static THAI: Words = Words {
    lang: "th",
    heading: "จองที่นั่งเรียบร้อยแล้ว",
    code: "รหัสการจอง",
    seats: "ที่นั่ง",
    total: "ยอดชำระทั้งหมด",
    next_heading: "ขั้นตอนต่อไป",
    next_show: "แสดงรหัสการจองที่หน้าโรงภาพยนตร์ ไม่ต้องพิมพ์ตั๋ว",
    next_arrive: "กรุณามาถึงก่อนภาพยนตร์เริ่มฉาย 15 นาที",
    next_keep: "หากหาอีเมลฉบับนี้ไม่พบ ดูตั๋วได้เสมอที่หน้า “ตั๋วของฉัน” บนเว็บไซต์ของเรา",
    button: "เปิดตั๋วของฉัน",
    automatic: "อีเมลฉบับนี้ส่งโดยอัตโนมัติเนื่องจากคุณได้จองที่นั่งกับเรา กรุณาอย่าตอบกลับ",
};

const THAI_MONTHS: [&str; 12] = [
    "มกราคม",
    "กุมภาพันธ์",
    "มีนาคม",
    "เมษายน",
    "พฤษภาคม",
    "มิถุนายน",
    "กรกฎาคม",
    "สิงหาคม",
    "กันยายน",
    "ตุลาคม",
    "พฤศจิกายน",
    "ธันวาคม",
];

pub(super) fn words(language: Language) -> &'static Words {
    match language {
        Language::Th => &THAI,
        Language::En => &ENGLISH,
    }
}

/// Formats a date and time in the cinema's time zone, with a 24-hour clock.
pub(super) fn long_date_time(at: jiff::Timestamp, zone: &TimeZone, language: Language) -> String {
    let local = at.to_zoned_datetime(zone.clone());
    match language {
        Language::En => local.strftime("%A, %-d %B %Y, %H:%M").to_string(),
        Language::Th => {
            let (weekday, day) = (thai_weekday(local.weekday()), local.day());
            let month = usize::from(local.month().unsigned_abs()).saturating_sub(1);
            let name = THAI_MONTHS.get(month).copied().unwrap_or_default();
            let year = i32::from(local.year()) + BUDDHIST_YEARS_AHEAD;
            let (hour, minute) = (local.hour(), local.minute());
            format!("วัน{weekday}ที่ {day} {name} {year} เวลา {hour:02}:{minute:02} น.")
        }
    }
}

/// The total of a booking. Words say that a free booking costs nothing, because an amount of 0 looks like a mistake.
pub(super) fn total(total_minor: i64, language: Language) -> String {
    match (total_minor, language) {
        (0, Language::En) => format!("{} (free)", baht(0)),
        (0, Language::Th) => format!("{} (ไม่มีค่าใช้จ่าย)", baht(0)),
        (paid, _) => baht(paid),
    }
}

/// Formats an amount in satang as baht: `฿1,060`. Satang are shown only when they are not 0: `฿1,060.50`.
pub(super) fn baht(total_minor: i64) -> String {
    let sign = if total_minor < 0 { "-" } else { "" };
    let (whole, satang) = (total_minor.unsigned_abs() / SATANG_PER_BAHT, total_minor.unsigned_abs() % SATANG_PER_BAHT);
    let mut digits = whole.to_string();
    let mut at = digits.len();
    while at > 3 {
        at -= 3;
        digits.insert(at, ',');
    }
    if satang == 0 { format!("{sign}฿{digits}") } else { format!("{sign}฿{digits}.{satang:02}") }
}

/// The name of a kind of seat. An unknown kind is shown unchanged, which is better than a mail that is never sent.
pub(super) fn seat_kind(kind: &str, language: Language) -> &str {
    match (language, kind) {
        (Language::En, "seat") => "Seat",
        (Language::En, "pair") => "Pair sofa (for two)",
        (Language::En, "wheelchair") => "Wheelchair place",
        (Language::En, "companion") => "Companion seat",
        (Language::Th, "seat") => "ที่นั่งเดี่ยว",
        (Language::Th, "pair") => "โซฟาคู่ (2 ท่าน)",
        (Language::Th, "wheelchair") => "ที่สำหรับรถเข็น",
        (Language::Th, "companion") => "ที่นั่งผู้ดูแล",
        (_, other) => other,
    }
}

fn thai_weekday(weekday: Weekday) -> &'static str {
    match weekday {
        Weekday::Monday => "จันทร์",
        Weekday::Tuesday => "อังคาร",
        Weekday::Wednesday => "พุธ",
        Weekday::Thursday => "พฤหัสบดี",
        Weekday::Friday => "ศุกร์",
        Weekday::Saturday => "เสาร์",
        Weekday::Sunday => "อาทิตย์",
    }
}
