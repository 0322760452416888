//! The film's title in Thai confirmation mails: the one of the sale, also after the film was renamed.

use std::sync::Arc;

use mail_parser::MessageParser;
use serde_json::json;

use crate::support::{ClosedMailServer, Parts, TestApp, eventually};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thai_mail_has_the_title_of_the_sale_and_that_of_an_older_version_the_current_one() {
    let closed = ClosedMailServer::new();
    let app = TestApp::on(Arc::new(Parts::Embedded), &[&closed.flag()]).await.with_admin().await;
    let screening = app.screening("ssss").await;
    let (ann, bob) = (app.sign_in("ann").await, app.sign_in("bob").await);
    for person in [&ann, &bob] {
        person.patch("/api/auth/me", json!({"language": "th"})).await.expect(200);
    }
    let stored = ann.buy(&screening, &["A1"]).await;
    let old = bob.buy(&screening, &["A3"]).await;
    eventually("both mails were tried", || async {
        let mails = app.admin().list_all("/api/admin/mail").await;
        (mails.len() == 2 && mails.iter().all(|mail| mail["attempts"].as_u64() >= Some(1))).then_some(())
    })
    .await;

    let film = format!("/api/admin/movies/{}", screening.movie_id);
    app.admin().patch(&film, json!({"title_th": "ชื่อใหม่"})).await.expect(200);
    // Versions before the column left it empty.
    let emptied = "UPDATE bookings SET movie_title_th = NULL WHERE code = ?1";
    assert_eq!(app.store().execute(emptied, [old["code"].as_str().unwrap()]).unwrap(), 1);
    let server = closed.open();

    eventually("both mails are sent", || async { (server.taken().len() == 2).then_some(()) }).await;
    for (booking, title, other) in [(&stored, "บททดสอบ", "ชื่อใหม่"), (&old, "ชื่อใหม่", "บททดสอบ")]
    {
        let texts: Vec<String> = server.taken().iter().map(|eml| text_of(eml)).collect();
        let code = booking["code"].as_str().unwrap();
        let text = texts.iter().find(|text| text.contains(code)).unwrap();
        assert!(text.contains(title) && !text.contains(other), "{text}");
    }
    app.finish().await;
}

/// The plain text of a mail, decoded.
fn text_of(eml: &str) -> String {
    let mail = MessageParser::new().parse(eml.as_bytes()).unwrap();
    mail.body_text(0).unwrap().into_owned()
}
