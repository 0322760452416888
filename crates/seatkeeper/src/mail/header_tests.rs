//! Decodes the headers of mails with a parser that is independent of the library that writes them, as a mail program does.

use mail_parser::{HeaderValue, MessageParser};

use super::message::build;
use super::send_tests::{headers_of, mail};
use super::*;

/// Texts of films, cinemas and people that are dangerous in a header. None has white space that `one_line` changes.
const TEXTS: [&str; 22] = [
    "The Last Ferry to Koh Noi",
    "=?utf-8?b?SGk=?= plain",
    "plain =?utf-8?b?SGk=?=",
    "=?utf-8?q?a_b?=",
    "=?utf-8?b?SGk=?=\t=?utf-8?b?SGk=?=",
    "เรือ =?utf-8?b?SGk=?= plain",
    "=? ?= =?x?",
    "เรือเที่ยวสุดท้าย",
    "Amélie – der Film",
    "Doctor Strangelove, or: (how I \"learned\") <to@stop.test>; worrying\\",
    "ann@example.test, ben@example.test",
    "undisclosed: ann@example.test;",
    "\"",
    "\\",
    "'",
    "()",
    "👩‍👩‍👧‍👦 family",
    "नमस्ते दुनिया",
    "שלום עולם",
    "%0d%0aBcc: all@example.test",
    "=0D=0ABcc: all@example.test",
    "a=?b?=c",
];

fn eml_of(mail: &OutgoingMail) -> String {
    String::from_utf8(build(mail).unwrap().message.formatted()).unwrap()
}

/// Subject, sender's name and recipient's name, as a mail program shows them. There is one sender and one recipient.
fn shown(eml: &str) -> (String, String, String) {
    let message = MessageParser::new().parse(eml.as_bytes()).unwrap();
    let name = |header: &str| match message.header(header) {
        Some(HeaderValue::Address(addresses)) => {
            let all: Vec<_> = addresses.iter().collect();
            assert_eq!(all.len(), 1, "{eml}");
            assert!(all[0].address.as_deref().is_some_and(|address| address.contains('@')), "{eml}");
            all[0].name.as_deref().unwrap_or_default().to_owned()
        }
        other => panic!("{header}: {other:?}"),
    };
    (message.subject().unwrap_or_default().to_owned(), name("From"), name("To"))
}

#[test]
fn subject_and_names_are_decoded_exactly_as_they_were_written() {
    let long = ["word ".repeat(50), "ก".repeat(200), "a".repeat(200), format!("{}=?", "x ".repeat(40))];
    for text in TEXTS.into_iter().chain(long.iter().map(|long| long.trim_end())) {
        let text = render::one_line(text);
        let mut sender = Sender::of_site("x", "cinema.example");
        sender.name.clone_from(&text);
        let eml = eml_of(&OutgoingMail { sender, name: text.clone(), subject: text.clone(), ..mail() });
        assert_eq!(shown(&eml), (text.clone(), text.clone(), text.clone()), "{eml}");
        let headers = headers_of(&eml);
        assert!(headers.is_ascii(), "{headers}");
        assert!(headers.lines().all(|line| line.len() <= 78), "{headers}");
    }
}

#[test]
fn line_breaks_control_and_direction_characters_become_spaces_in_headers() {
    for (hostile, text) in [
        ("Ann\r\nBcc: all@example.test\r\n\r\n<script>", "Ann Bcc: all@example.test <script>"),
        ("Film\u{0}\u{7}\u{1b}[31m red\u{7f}\u{85}", "Film [31m red"),
        ("Film \u{202e}gnp.exe\u{2066}x\u{2069}\u{200e}\u{200f}\u{61c}y", "Film gnp.exe x y"),
        ("a\u{2028}b\u{2029}c", "a b c"),
    ] {
        let mut sender = Sender::of_site("x", "cinema.example");
        sender.name = hostile.into();
        let eml = eml_of(&OutgoingMail { sender, name: hostile.into(), subject: hostile.into(), ..mail() });
        assert_eq!(shown(&eml), (text.to_owned(), text.to_owned(), text.to_owned()), "{eml}");
        assert!(headers_of(&eml).lines().all(|line| !line.to_ascii_lowercase().starts_with("bcc")), "{eml}");
    }
}

#[test]
fn rendered_mail_shows_a_title_that_looks_like_an_encoded_word_unchanged() {
    let confirmation = ConfirmationMail {
        movie_title: "=?utf-8?b?SGk=?= plain".into(),
        cinema_name: "=?utf-8?q?Bank?=".into(),
        ..super::render_tests::booking()
    };
    let rendered = render_confirmation(&confirmation, Language::En).unwrap();
    let subject = rendered.subject.clone();
    let sender = Sender::of_site(&confirmation.cinema_name, "cinema.example");
    let eml = eml_of(&OutgoingMail { sender, subject: subject.clone(), ..mail() });
    let (shown_subject, shown_sender, _) = shown(&eml);
    assert!(subject.contains("=?utf-8?b?SGk=?= plain,"), "{subject}");
    assert_eq!((shown_subject, shown_sender), (subject, confirmation.cinema_name));
}
