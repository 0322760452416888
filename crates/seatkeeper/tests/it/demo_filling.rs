//! The demo cinema: filled in once, and told of in one line.

use serde_json::json;

use crate::support::{TestApp, eventually};

#[tokio::test]
async fn the_filling_of_the_demo_is_one_line_of_the_audit_log() {
    let mut app = TestApp::without_people(&["--demo"]).await;
    let admin = app.sign_in("ann").await;
    let films = admin.list_all("/api/admin/movies").await;
    let screenings = admin.list_all("/api/admin/screenings").await;
    assert!(films.len() == 12 && screenings.len() > 60, "{} {}", films.len(), screenings.len());
    let filled = || async {
        let entries = admin.list_all("/api/admin/audit?type=AUDIT_LOG").await;
        let is_there = entries.iter().any(|entry| entry["data"]["action"] == "sign_in");
        is_there
            .then(|| entries.into_iter().filter(|entry| entry["data"]["action"] == "demo_filled").collect::<Vec<_>>())
    };
    // The sign-in was told after it, so whatever the filling told is there.
    let told = eventually("the sign-in is in the audit log", filled).await;
    let [entry] = &told[..] else { panic!("{told:?}") };
    assert_eq!(entry["data"]["details"], json!({ "films": 12, "halls": 4, "screenings": screenings.len() }));

    app.stop().await;
    app.restart().await;
    let admin = app.sign_in("ann").await;
    assert_eq!(admin.list_all("/api/admin/screenings").await.len(), screenings.len(), "never filled again");
    app.finish().await;
}
