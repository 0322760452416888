//! Confirmation mails to internationalised, changed and refused addresses, and the removal of unfinished mail files
//! after a server was killed.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::support::{ClosedMailServer, MailServer, Manner, Parts, TestApp, eventually};

/// Waits until the only mail has this status and at least this number of attempts.
async fn the_mail(app: &TestApp, status: &str, attempts: u64) -> Value {
    eventually(&format!("the mail is {status} after {attempts} attempts"), || async {
        let mails = app.admin().list_all("/api/admin/mail").await;
        let found = mails.into_iter().find(|mail| mail["attempts"].as_u64() >= Some(attempts));
        found.filter(|mail| mail["status"] == status)
    })
    .await
}

fn flag(server: &MailServer, account: Option<&str>) -> String {
    format!("--mail-url={}", server.url(account))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn person_with_an_internationalised_domain_signs_in_and_gets_the_mail_without_smtputf8() {
    let server = MailServer::start(Manner::Accepts);
    let app = TestApp::with(&[&flag(&server, None)]).await;
    let screening = app.screening("ssss").await;
    let ann = app.sign_in("ann@ร้าน.ไทย").await;
    assert_eq!(ann.get("/api/auth/me").await.expect(200)["email"], "ann@ร้าน.ไทย");

    let booking = ann.buy(&screening, &["A1"]).await;

    let sent = the_mail(&app, "SENT", 1).await;
    assert_eq!((&sent["to"], &sent["booking_code"]), (&json!("ann@ร้าน.ไทย"), &booking["code"]));
    assert!(
        server.envelopes().contains(&"RCPT TO:<ann@xn--q3ct9b5e.xn--o3cw4h>".to_owned()),
        "{:?}",
        server.envelopes()
    );
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mail_to_an_internationalised_local_part_fails_at_once_with_the_reason_where_smtputf8_is_missing() {
    let server = MailServer::start(Manner::Accepts);
    let app = TestApp::with(&[&flag(&server, None)]).await;
    let screening = app.screening("ssss").await;
    let shop = app.sign_in("ร้าน@ร้าน.ไทย").await;

    shop.buy(&screening, &["A1"]).await;

    let failed = the_mail(&app, "FAILED", 1).await;
    assert_eq!((&failed["to"], &failed["attempts"]), (&json!("ร้าน@ร้าน.ไทย"), &json!(1)));
    let why = failed["last_error"].as_str().unwrap();
    assert!(why.contains("the part of the address before the @ is not ASCII") && why.contains("SMTPUTF8"), "{why}");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mail_stays_pending_when_the_mail_server_refuses_the_password() {
    let server = MailServer::start(Manner::AnswersLogin("535 5.7.8 wrong password"));
    let app = TestApp::with(&[&flag(&server, Some("cinema:old"))]).await;
    let screening = app.screening("ssss").await;
    let ann = app.sign_in("ann").await;

    ann.buy(&screening, &["A1"]).await;

    let waiting = the_mail(&app, "PENDING", 1).await;
    let why = waiting["last_error"].as_str().unwrap();
    assert!(why.contains("refused the user or password of the mail URL: 535"), "{why}");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retries_go_to_the_customers_present_address() {
    let server = MailServer::start(Manner::Accepts);
    server.refuse("ann@example.test");
    let app = TestApp::on(Arc::new(Parts::Embedded), &[&flag(&server, None)]).await.with_admin().await;
    let screening = app.screening("ssss").await;
    let ann = app.sign_in("ann").await;
    ann.buy(&screening, &["A1"]).await;
    let failed = the_mail(&app, "FAILED", 1).await;
    assert_eq!(failed["to"], "ann@example.test");

    // A sign-in makes the same change when the identity provider reports another address.
    let changed =
        "UPDATE people SET name = 'Ann Smith', email = 'ann@new.example.test' WHERE email = 'ann@example.test'";
    assert_eq!(app.store().execute(changed, ()).unwrap(), 1);
    let retry = format!("/api/admin/mail/{}/retry", failed["id"].as_str().unwrap());
    let due = app.admin().post(&retry, json!({})).await.expect(202);
    assert_eq!((&due["id"], &due["to"]), (&failed["id"], &json!("ann@new.example.test")));

    let sent = the_mail(&app, "SENT", 2).await;
    assert_eq!(sent["to"], "ann@new.example.test");
    assert_eq!(server.envelopes().last().unwrap(), "RCPT TO:<ann@new.example.test>");
    let [eml] = &server.taken()[..] else { panic!("one mail") };
    assert!(eml.contains("<ann@new.example.test>") && !eml.contains("ann@example.test"), "{eml}");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn automatic_retry_goes_to_the_present_address() {
    let closed = ClosedMailServer::new();
    let app = TestApp::on(Arc::new(Parts::Embedded), &[&closed.flag()]).await.with_admin().await;
    let screening = app.screening("ssss").await;
    let ann = app.sign_in("ann").await;
    ann.buy(&screening, &["A1"]).await;
    the_mail(&app, "PENDING", 1).await;

    let changed = "UPDATE people SET email = 'ann@new.example.test' WHERE email = 'ann@example.test'";
    assert_eq!(app.store().execute(changed, ()).unwrap(), 1);
    let server = closed.open();

    let sent = the_mail(&app, "SENT", 2).await;
    assert_eq!(sent["to"], "ann@new.example.test");
    let recipients: Vec<String> = server.envelopes().into_iter().filter(|line| line.starts_with("RCPT")).collect();
    assert_eq!(recipients, ["RCPT TO:<ann@new.example.test>"]);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unfinished_files_of_mails_that_a_kill_has_left_are_removed_at_the_next_start() {
    let mut app = TestApp::start().await;
    let folder = app.data_dir().join("mail");
    app.kill().await;
    std::fs::create_dir_all(&folder).unwrap();
    let unfinished = folder.join(".booking.0193e0a4-1d2c-7f00-8000-00000000000a.4711-3.tmp");
    let other = folder.join("notes.tmp");
    for file in [&unfinished, &other] {
        std::fs::write(file, "To: ann@example.test").unwrap();
    }

    app.restart().await;

    assert!(!unfinished.exists() && other.exists());
    assert!(app.log().contains("unfinished files of mails removed"), "{}", app.log());
    app.finish().await;
}
