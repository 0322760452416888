//! Sends mails to mail servers that accept, refuse, hang or are down.

use std::path::Path;
use std::time::Duration;

use seatkeeper_testbed::{MailServer, Manner};

use super::send_tests::{headers_of, mail};
use super::*;

/// Timeout of sending a mail. Short, because some of these tests wait for it.
const SEND_TIMEOUT: Duration = Duration::from_millis(300);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

async fn send_to(server: &MailServer) -> Result<(), SendError> {
    send_by(&server.url(None), SEND_TIMEOUT).await
}

async fn send_by(url: &str, send_timeout: Duration) -> Result<(), SendError> {
    MailTransport::smtp(url, CONNECT_TIMEOUT, send_timeout).unwrap().send(&mail()).await
}

async fn send_mail_to(server: &MailServer, to: &str) -> Result<(), SendError> {
    let transport = MailTransport::smtp(&server.url(None), CONNECT_TIMEOUT, CONNECT_TIMEOUT).unwrap();
    transport.send(&OutgoingMail { to: to.to_owned(), ..mail() }).await
}

#[tokio::test]
async fn accepting_server_receives_the_whole_mail() {
    let server = MailServer::start(Manner::Accepts);
    send_by(&server.url(None), CONNECT_TIMEOUT).await.unwrap();
    let [eml] = &server.taken()[..] else { panic!("one mail") };
    let headers = headers_of(eml);
    assert!(headers.contains("Message-ID: <booking.0193-ab@cinema.example>"), "{headers}");
    assert!(headers.contains("Auto-Submitted: auto-generated"), "{headers}");
    assert!(headers.contains("Date: Sat, 28 Nov 2026 12:30:00 +0000"), "{headers}");
    assert!(headers.contains("multipart/alternative"), "{headers}");
    assert!(headers.contains("Subject: =?utf-8?b?"), "{headers}");
    assert!(eml.contains("text/plain") && eml.contains("text/html"), "{eml}");
}

#[tokio::test]
async fn smtp_user_and_password_are_used_and_hidden_from_debug_output() {
    let server = MailServer::start(Manner::Accepts);
    let url = server.url(Some("ann:s%40cret"));
    let transport = MailTransport::from_url(&url, Path::new("unused")).unwrap();
    assert!(!format!("{transport:?}").contains("cret"), "{transport:?}");
    transport.send(&mail()).await.unwrap();
    assert_eq!(server.taken().len(), 1);
}

/// Each case is a reply of the mail server in one step, and whether the mail is then FAILED without a retry.
#[tokio::test]
async fn refusal_is_permanent_only_if_it_is_about_the_recipient_or_the_mail() {
    for (manner, is_permanent, words) in [
        (Manner::Greets("554 no service for you"), false, "does not accept the connection: 554 no service for you"),
        (Manner::Greets("421 too busy"), false, "does not accept the connection: 421 too busy"),
        (Manner::AnswersSender("550 sender unknown"), false, "refused the cinema's address as the sender: 550"),
        (Manner::AnswersSender("451 later"), false, "refused the cinema's address as the sender: 451"),
        (Manner::AnswersRecipient("550 nobody here"), true, "refused the recipient's address: 550 nobody here"),
        (Manner::AnswersRecipient("553 5.1.3 no address"), true, "refused the recipient's address: 553"),
        (Manner::AnswersRecipient("421 shutting down"), false, "refused the recipient's address: 421"),
        (Manner::AnswersRecipient("452 mailbox full"), false, "refused the recipient's address: 452"),
        (Manner::AnswersRecipient("530 sign in first"), false, "refused the recipient's address: 530"),
        (Manner::AnswersRecipient("554 5.7.1 relay access denied"), false, "554 5.7.1 relay access denied"),
        (Manner::AnswersData("452 full"), false, "refused the mail: 452 full"),
        (Manner::AnswersData("554 no"), true, "refused the mail: 554 no"),
    ] {
        let server = MailServer::start(manner);
        let refused = send_by(&server.url(None), CONNECT_TIMEOUT).await.unwrap_err();
        assert_eq!(matches!(refused, SendError::Permanent(_)), is_permanent, "{manner:?}: {refused:?}");
        assert!(refused.to_string().contains(words), "{manner:?}: {refused}");
        assert!(server.taken().is_empty());
    }
}

#[tokio::test]
async fn internationalised_domain_is_sent_in_ascii_to_a_server_without_smtputf8() {
    let server = MailServer::start(Manner::Accepts);
    send_mail_to(&server, "ann@คน.ไทย").await.unwrap();
    send_mail_to(&server, "ann@ร้าน.ไทย").await.unwrap();
    let sender = "MAIL FROM:<tickets@cinema.example>";
    assert_eq!(
        server.envelopes(),
        [sender, "RCPT TO:<ann@xn--42c6b.xn--o3cw4h>", sender, "RCPT TO:<ann@xn--q3ct9b5e.xn--o3cw4h>"]
    );
    let taken = server.taken();
    assert!(taken.iter().all(|eml| eml.is_ascii()), "{taken:?}");
    assert!(headers_of(&taken[0]).contains("<ann@xn--42c6b.xn--o3cw4h>"), "{}", taken[0]);
}

#[tokio::test]
async fn internationalised_local_part_is_sent_with_smtputf8_or_fails_with_the_reason() {
    let able = MailServer::start(Manner::OffersSmtpUtf8);
    send_mail_to(&able, "ร้าน@ร้าน.ไทย").await.unwrap();
    assert_eq!(
        able.envelopes(),
        ["MAIL FROM:<tickets@cinema.example> SMTPUTF8 BODY=8BITMIME", "RCPT TO:<ร้าน@xn--q3ct9b5e.xn--o3cw4h>"]
    );
    assert!(headers_of(&able.taken()[0]).contains("<ร้าน@xn--q3ct9b5e.xn--o3cw4h>"));

    let unable = MailServer::start(Manner::Accepts);
    let refused = send_mail_to(&unable, "ร้าน@ร้าน.ไทย").await.unwrap_err();
    assert!(matches!(&refused, SendError::Permanent(why) if why.contains("SMTPUTF8")), "{refused:?}");
    assert!(unable.envelopes().is_empty() && unable.taken().is_empty());
}

#[tokio::test]
async fn smtputf8_is_not_used_for_an_address_that_does_not_need_it() {
    let server = MailServer::start(Manner::OffersSmtpUtf8);
    send_mail_to(&server, "ann@ร้าน.ไทย").await.unwrap();
    assert!(server.envelopes().iter().all(|command| !command.contains("SMTPUTF8")), "{:?}", server.envelopes());
    assert!(server.taken()[0].is_ascii());
}

#[tokio::test]
async fn mail_is_sent_when_the_server_hangs_after_it_has_accepted_the_mail() {
    let server = MailServer::start(Manner::HangsAtQuit);
    assert_eq!(send_to(&server).await, Ok(()));
    assert_eq!(server.taken().len(), 1);
}

#[tokio::test]
async fn wrong_smtp_password_is_a_temporary_error() {
    let server = MailServer::start(Manner::AnswersLogin("535 wrong password"));
    let refused = send_by(&server.url(Some("ann:wrong")), CONNECT_TIMEOUT).await.unwrap_err();
    assert!(matches!(&refused, SendError::Temporary(why) if why.contains("535")), "{refused:?}");
    assert!(server.taken().is_empty());
}

#[tokio::test]
async fn send_times_out_with_a_temporary_error_when_the_server_hangs() {
    for manner in [Manner::HangsAtOnce, Manner::HangsAtRecipient] {
        let server = MailServer::start(manner);
        let refused = send_to(&server).await.unwrap_err();
        assert!(matches!(&refused, SendError::Temporary(why) if why.contains("300ms")), "{manner:?}: {refused:?}");
    }
}

#[tokio::test]
async fn closed_or_refused_connection_is_a_temporary_error() {
    let server = MailServer::start(Manner::HangsUp);
    let url = server.url(None);
    assert!(matches!(send_by(&url, CONNECT_TIMEOUT).await, Err(SendError::Temporary(_))));
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("smtp://{}", unused.local_addr().unwrap());
    drop(unused);
    assert!(matches!(send_by(&url, CONNECT_TIMEOUT).await, Err(SendError::Temporary(_))));
}
