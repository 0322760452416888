//! The demo cinema is created once, and its creation is one event in the audit log.

use serde_json::{Value, json};

use crate::support::{TestApp, eventually};

#[tokio::test]
async fn creating_the_demo_cinema_writes_one_entry_to_the_audit_log() {
    let mut app = TestApp::without_people(&["--demo"]).await;
    let admin = app.sign_in("ann").await;
    let films = admin.list_all("/api/admin/movies").await;
    let screenings = admin.list_all("/api/admin/screenings").await;
    assert!(films.len() == 12 && screenings.len() > 60, "{} {}", films.len(), screenings.len());
    // The events of the creation come before those of the first sign-in: once the latter is in the event log, the former
    // are too.
    let logged = eventually("the sign-in is in the event log", || async {
        let events = admin.get("/api/admin/events?type=AUDIT_LOG").await.expect(200)["items"].clone();
        let events: Vec<Value> = events.as_array().unwrap().clone();
        events.iter().any(|event| event["data"]["action"] == "sign_in").then_some(events)
    })
    .await;
    let audited = eventually("all of them are in the audit log", || async {
        let entries = admin.list_all("/api/admin/audit?type=AUDIT_LOG").await;
        let is_there = |event: &Value| entries.iter().any(|entry| entry["id"] == event["id"]);
        logged.iter().all(is_there).then_some(entries)
    })
    .await;
    let is_of_sign_in =
        |entry: &Value| entry["data"]["action"] == "sign_in" || entry["data"]["action"] == "admin_added";
    let told: Vec<&Value> = audited.iter().filter(|entry| !is_of_sign_in(entry)).collect();
    let [entry] = told[..] else { panic!("{told:?}") };
    assert_eq!(entry["data"]["action"], "demo_filled");
    assert_eq!(entry["data"]["details"], json!({ "films": 12, "halls": 4, "screenings": screenings.len() }));

    app.stop().await;
    app.restart().await;
    let admin = app.sign_in("ann").await;
    assert_eq!(admin.list_all("/api/admin/screenings").await.len(), screenings.len(), "a restart fills nothing");
    app.finish().await;
}
