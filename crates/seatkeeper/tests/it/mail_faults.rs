//! The mail server is down, slow or refuses a mail. The booking is not affected, and its mail is sent once, later.

use serde_json::{Value, json};

use crate::support::{ClosedMailServer, MailServer, SECRET_FLAG, TestApp, eventually};

/// Waits until there are mails with this status, of which there must be only one, and returns it.
async fn only_mail(app: &TestApp, status: &str) -> Value {
    let mails = eventually(&format!("a mail is {status}"), || async {
        let mails = app.admin().list_all(&format!("/api/admin/mail?status={status}")).await;
        (!mails.is_empty()).then_some(mails)
    })
    .await;
    assert_eq!(mails.len(), 1, "{mails:?}");
    mails[0].clone()
}

/// Asserts that the mail server has accepted exactly one mail for each of these bookings.
#[track_caller]
fn each_was_sent_once(server: &MailServer, bookings: &[&Value]) {
    let taken = server.taken();
    assert_eq!(taken.len(), bookings.len(), "{taken:?}");
    for booking in bookings {
        let id = format!("Message-ID: <booking.{}@", booking["id"].as_str().unwrap());
        assert_eq!(taken.iter().filter(|mail| mail.contains(&id)).count(), 1, "{id}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mail_is_sent_once_when_the_mail_server_works_again() {
    let closed = ClosedMailServer::new();
    let app = TestApp::with(&[&closed.flag()]).await;
    let screening = app.screening("ssss").await;
    let ann = app.sign_in("ann").await;

    let booking = ann.buy(&screening, &["A1", "A2"]).await;

    let tried = eventually("the mail was tried", || async {
        let mails = app.admin().list_all("/api/admin/mail").await;
        mails.into_iter().find(|mail| mail["attempts"] == 1)
    })
    .await;
    assert_eq!((&tried["status"], &tried["booking_code"]), (&json!("PENDING"), &booking["code"]));
    assert!(tried["last_error"].as_str().is_some_and(|why| !why.is_empty()), "{tried}");

    let server = closed.open();

    let sent = only_mail(&app, "SENT").await;
    assert_eq!((&sent["id"], &sent["booking_code"]), (&tried["id"], &booking["code"]));
    each_was_sent_once(&server, &[&booking]);
    assert_eq!(ann.get("/api/bookings").await.expect(200)["items"], json!([booking]));
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bookings_do_not_wait_for_a_slow_mail_server() {
    let closed = ClosedMailServer::new();
    let app = TestApp::with(&[&closed.flag()]).await;
    let server = closed.open();
    server.hold_answers();
    let screening = app.screening("ssss").await;
    let ann = app.sign_in("ann").await;
    let bob = app.sign_in("bob").await;

    let first = ann.buy(&screening, &["A1"]).await;
    eventually("a mail waits for its answer", || async { (server.waiting() == 1).then_some(()) }).await;
    // A second booking succeeds while the first booking's mail is still being sent.
    let second = bob.buy(&screening, &["A3"]).await;
    assert!(server.taken().is_empty());
    let waiting = eventually("both mails are queued", || async {
        let mails = app.admin().list_all("/api/admin/mail?status=PENDING").await;
        (mails.len() == 2).then_some(mails)
    })
    .await;
    assert!(waiting.iter().all(|mail| mail["attempts"] == 0), "{waiting:?}");

    server.go_on();

    eventually("both mails are sent", || async {
        let sent = app.admin().list_all("/api/admin/mail?status=SENT").await;
        (sent.len() == 2).then_some(())
    })
    .await;
    each_was_sent_once(&server, &[&first, &second]);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_mail_to_one_address_does_not_delay_the_others() {
    let closed = ClosedMailServer::new();
    let app = TestApp::with(&[&closed.flag()]).await;
    let server = closed.open();
    server.hold_answers_to("ann@example.test");
    server.refuse("cat@example.test");
    let screening = app.screening("ssssssssss").await;
    let (ann, bob, cat) = (app.sign_in("ann").await, app.sign_in("bob").await, app.sign_in("cat").await);

    let slow = ann.buy(&screening, &["A1"]).await;
    eventually("a mail waits for its answer", || async { (server.waiting() == 1).then_some(()) }).await;
    let refused = cat.buy(&screening, &["A3"]).await;
    let first = bob.buy(&screening, &["A5"]).await;
    let second = bob.buy(&screening, &["A7"]).await;

    // The mails after the slow and the refused one are sent while the slow one is still waiting.
    eventually("the others are sent", || async {
        let sent = app.admin().list_all("/api/admin/mail?status=SENT").await;
        (sent.len() == 2).then_some(())
    })
    .await;
    assert_eq!(server.waiting(), 1);
    each_was_sent_once(&server, &[&first, &second]);
    assert_eq!(only_mail(&app, "FAILED").await["booking_code"], refused["code"]);
    assert_eq!(only_mail(&app, "PENDING").await["booking_code"], slow["code"]);

    server.go_on();
    eventually("the slow one is sent too", || async {
        let sent = app.admin().list_all("/api/admin/mail?status=SENT").await;
        (sent.len() == 3).then_some(())
    })
    .await;
    each_was_sent_once(&server, &[&slow, &first, &second]);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_mail_is_not_retried_until_an_administrator_requests_it() {
    let closed = ClosedMailServer::new();
    let app = TestApp::with(&[&closed.flag()]).await;
    let server = closed.open();
    server.refuse("ann@example.test");
    let screening = app.screening("ssss").await;
    let ann = app.sign_in("ann").await;
    let bob = app.sign_in("bob").await;

    let refused = ann.buy(&screening, &["A1"]).await;
    let failed = only_mail(&app, "FAILED").await;
    assert_eq!((&failed["booking_code"], &failed["to"]), (&refused["code"], &json!("ann@example.test")));
    assert_eq!(failed["attempts"], 1, "a permanent error is not retried: {failed}");
    assert!(failed["last_error"].as_str().is_some_and(|why| why.contains("nobody of that name")), "{failed}");

    // Mails to other people are sent nevertheless.
    let taken = bob.buy(&screening, &["A3"]).await;
    assert_eq!(only_mail(&app, "SENT").await["booking_code"], taken["code"]);
    each_was_sent_once(&server, &[&taken]);

    server.welcome("ann@example.test");
    let retry = format!("/api/admin/mail/{}/retry", failed["id"].as_str().unwrap());
    let due = app.admin().post(&retry, json!({})).await.expect(202);
    assert_eq!((&due["id"], &due["booking_code"]), (&failed["id"], &refused["code"]));
    eventually("the mail is sent after all", || async {
        let sent = app.admin().list_all("/api/admin/mail?status=SENT").await;
        (sent.len() == 2).then_some(())
    })
    .await;
    each_was_sent_once(&server, &[&refused, &taken]);
    app.admin().post(&retry, json!({})).await.refused(409, "already_sent");
    assert_eq!(ann.get("/api/bookings").await.expect(200)["items"], json!([refused]));
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mail_of_a_refunded_booking_is_not_sent() {
    let closed = ClosedMailServer::new();
    let app = TestApp::with(&[&closed.flag(), SECRET_FLAG, "--mock-payment=callback=never"]).await;
    let screening = app.screening("ssss").await;
    let (ann, bob) = (app.sign_in("ann").await, app.sign_in("bob").await);
    ann.lock(&screening, &["A1"]).await.expect(200);
    let payment = ann.start_payment(&screening).await.expect(201)["id"].as_str().unwrap().to_owned();
    let refunded = ann.confirm(&payment, "success").await.expect(200)["booking"].clone();
    eventually("the mail was tried", || async {
        let mails = app.admin().list_all("/api/admin/mail").await;
        mails.iter().any(|mail| mail["attempts"].as_u64() > Some(0)).then_some(())
    })
    .await;
    eventually("the money is captured", || async {
        (app.stands_at_provider(&payment).await.as_deref() == Some("captured")).then_some(())
    })
    .await;
    app.move_at_provider(&payment, "refunded").await;
    assert_eq!(app.report(&payment).await.status, 204);

    let server = closed.open();
    let failed = only_mail(&app, "FAILED").await;
    assert_eq!(failed["booking_code"], refunded["code"]);
    assert_eq!(failed["last_error"], "the booking was refunded before this mail was sent");
    // An administrator's request to retry changes nothing.
    let retry = format!("/api/admin/mail/{}/retry", failed["id"].as_str().unwrap());
    app.admin().post(&retry, json!({})).await.expect(202);
    let again = eventually("the mail was processed again", || async {
        let mails = app.admin().list_all("/api/admin/mail?status=FAILED").await;
        mails.into_iter().find(|mail| mail["attempts"].as_u64() > failed["attempts"].as_u64())
    })
    .await;
    assert_eq!(again["last_error"], failed["last_error"]);

    // Mails of later bookings are sent nevertheless.
    let good = bob.buy(&screening, &["A1"]).await;
    assert_eq!(only_mail(&app, "SENT").await["booking_code"], good["code"]);
    each_was_sent_once(&server, &[&good]);
    app.finish().await;
}
