//! Writes mails to files.

use std::path::Path;

use super::*;

pub(super) fn mail() -> OutgoingMail {
    OutgoingMail {
        sender: Sender::of_site("โรงหนังซีทคีปเปอร์", "cinema.example"),
        to: "ann@example.test".into(),
        name: "กัญญา \"Ann\" <b>".into(),
        subject: "ตั๋วของคุณ: เรือเที่ยวสุดท้าย (รหัส K7QM-4TXD)".into(),
        html: "<p>สวัสดี</p>".into(),
        text: "สวัสดี\n.\n--\n".into(),
        message_id: booking_message_id("0193-ab", "cinema.example"),
        date: "2026-11-28T12:30:00Z".parse().unwrap(),
    }
}

pub(super) fn headers_of(eml: &str) -> &str {
    eml.split_once("\r\n\r\n").expect("headers end with an empty line").0
}

#[tokio::test]
async fn mail_that_is_sent_again_replaces_its_file() {
    let dir = Folder::new("replaces");
    let transport = MailTransport::from_url("file:", &dir.path).unwrap();
    transport.send(&mail()).await.unwrap();
    let first = std::fs::read_to_string(dir.path.join("booking.0193-ab.eml")).unwrap();
    transport.send(&mail()).await.unwrap();
    let again = std::fs::read_to_string(dir.path.join("booking.0193-ab.eml")).unwrap();
    assert_eq!(first, again);
    assert_eq!(dir.names(), ["booking.0193-ab.eml"]);
    assert!(headers_of(&first).contains("Message-ID: <booking.0193-ab@cinema.example>"), "{first}");
}

#[tokio::test]
async fn concurrent_mails_are_written_completely() {
    let dir = Folder::new("many");
    let transport = std::sync::Arc::new(MailTransport::from_url("file:", &dir.path).unwrap());
    let mut sends = tokio::task::JoinSet::new();
    for turn in 0..40 {
        let transport = std::sync::Arc::clone(&transport);
        let id = booking_message_id(&format!("b{}", turn % 10), "cinema.example");
        sends.spawn(async move { transport.send(&OutgoingMail { message_id: id, ..mail() }).await });
    }
    for sent in sends.join_all().await {
        sent.unwrap();
    }
    assert_eq!(dir.names().len(), 10);
    for name in dir.names() {
        let eml = std::fs::read_to_string(dir.path.join(&name)).unwrap();
        assert!(eml.trim_end().ends_with("--"), "{name} ends with its last boundary");
    }
}

#[tokio::test]
async fn uncreatable_folder_is_a_temporary_error() {
    let dir = Folder::new("cannot");
    std::fs::write(dir.path.join("file"), "").unwrap();
    let transport = MailTransport::File { dir: dir.path.join("file") };
    assert!(matches!(transport.send(&mail()).await, Err(SendError::Temporary(_))));
}

#[tokio::test]
async fn files_of_mails_that_a_killed_process_was_writing_are_removed_and_no_others() {
    let dir = Folder::new("unfinished");
    let transport = MailTransport::File { dir: dir.path.clone() };
    transport.send(&mail()).await.unwrap();
    let id = "0193e0a4-1d2c-7f00-8000-00000000000a";
    let unfinished = [format!(".booking.{id}.4711-0.tmp"), format!(".booking.{id}.1-18.tmp")];
    let others = [
        ".tmp".to_owned(),
        ".booking..1-1.tmp".to_owned(),
        format!(".booking.{id}.tmp"),
        format!(".booking.{id}.x-1.tmp"),
        format!(".booking.{id}.1-1.tmp~"),
        format!("booking.{id}.1-1.tmp"),
        format!(".letter.{id}.1-1.tmp"),
    ];
    for name in unfinished.iter().chain(&others) {
        std::fs::write(dir.path.join(name), "To: ann@example.test").unwrap();
    }
    let folder = format!(".booking.{id}.5-5.tmp");
    std::fs::create_dir(dir.path.join(&folder)).unwrap();

    assert_eq!(transport.remove_unfinished().await.unwrap(), 2);
    let mut kept: Vec<String> = others.into_iter().chain([folder, "booking.0193-ab.eml".to_owned()]).collect();
    kept.sort();
    assert_eq!(dir.names(), kept);
    assert_eq!(transport.remove_unfinished().await.unwrap(), 0);
}

#[tokio::test]
async fn missing_folder_has_no_unfinished_mails() {
    let dir = Folder::new("none");
    let transport = MailTransport::File { dir: dir.path.join("missing") };
    assert_eq!(transport.remove_unfinished().await.unwrap(), 0);
}

#[tokio::test]
async fn line_breaks_in_names_and_subject_inject_no_headers() {
    let dir = Folder::new("inject");
    let transport = MailTransport::File { dir: dir.path.clone() };
    let hostile = "Ann\r\nBcc: all@example.test\r\n\r\n<script>";
    let mut sender = Sender::of_site("x", "cinema.example");
    sender.name = hostile.into();
    let mail = OutgoingMail { sender, name: hostile.into(), subject: hostile.into(), ..mail() };
    transport.send(&mail).await.unwrap();
    let eml = std::fs::read_to_string(dir.path.join("booking.0193-ab.eml")).unwrap();
    let headers = headers_of(&eml);
    assert!(headers.lines().all(|line| !line.to_ascii_lowercase().starts_with("bcc")), "{headers}");
    assert!(headers.contains("multipart/alternative"), "the headers were not cut short: {headers}");
}

#[tokio::test]
async fn malformed_address_or_message_id_is_a_permanent_error() {
    let dir = Folder::new("permanent");
    let transport = MailTransport::File { dir: dir.path.clone() };
    for to in
        ["", "ann", "ann@", "a b@example.test", "ann@example.test\r\nBcc: x@example.test", "ann@example.test,b@x.test"]
    {
        let refused = transport.send(&OutgoingMail { to: to.into(), ..mail() }).await;
        assert!(matches!(refused, Err(SendError::Permanent(_))), "{to:?}: {refused:?}");
    }
    let long = format!("<{}@x>", "a".repeat(200));
    for id in [
        "",
        "booking.1@x",
        "<booking.1>",
        "<../../etc/x@host>",
        "<.hidden@x>",
        "<a/b@x>",
        "<a\r\nBcc: b@x>",
        "<a@x\r\n>",
        &long,
    ] {
        let refused = transport.send(&OutgoingMail { message_id: id.into(), ..mail() }).await;
        assert!(matches!(refused, Err(SendError::Permanent(_))), "{id:?}: {refused:?}");
    }
    assert!(dir.names().is_empty());
}

#[tokio::test]
async fn mail_is_sent_when_the_host_is_an_ip_address() {
    let dir = Folder::new("bare");
    let transport = MailTransport::File { dir: dir.path.clone() };
    for host in ["127.0.0.1", "::1", "[::1]", "localhost", "cinema.example"] {
        let message_id = booking_message_id("b1", host);
        let mail = OutgoingMail { sender: Sender::of_site("Cinema", host), message_id, ..mail() };
        transport.send(&mail).await.unwrap_or_else(|error| panic!("{host}: {error}"));
    }
}

#[test]
fn mail_url_is_parsed_or_refused_without_showing_its_password() {
    let dir_of = |url: &str| match MailTransport::from_url(url, Path::new("data/mail")) {
        Ok(MailTransport::File { dir }) => dir.display().to_string(),
        other => panic!("{url}: {other:?}"),
    };
    assert_eq!(dir_of("file:"), "data/mail");
    assert_eq!(dir_of("file:out"), "out");
    assert_eq!(dir_of("file:///var/mails"), "/var/mails");
    for url in [
        "smtp://mail.example",
        "smtp://a:b@mail.example:2525",
        "smtps://a:b@mail.example",
        "smtp://m.example?tls=required",
    ] {
        assert!(matches!(MailTransport::from_url(url, Path::new("x")), Ok(MailTransport::Smtp(_))), "{url}");
    }
    for url in [
        "",
        "mail.example",
        "http://a:secret@x",
        "smtp://",
        "smtp://a:secret@mail.example:99999",
        "smtp://a:secret@m.example?tls=maybe",
    ] {
        let refused = MailTransport::from_url(url, Path::new("x")).expect_err(url);
        assert!(!refused.to_string().contains("secret"), "{refused}");
    }
}

/// A temporary folder, removed on drop.
struct Folder {
    path: std::path::PathBuf,
}

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("seatkeeper-mail-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self { path }
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.path).unwrap();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}
