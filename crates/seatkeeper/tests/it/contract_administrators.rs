//! Who becomes administrator: `--admin-email`, and `seatkeeper admin add` beside a running server.

use std::process::Output;

use tokio::process::Command;

use crate::support::{TestApp, TestPerson, eventually, program};

/// Runs `seatkeeper admin add` with the settings of this server. Returns exit code, standard output and standard error.
async fn admin_add(app: &TestApp, email: &str, flags: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(program());
    command.args(["admin", "add", email]).arg(format!("--data-dir={}", app.data_dir().display()));
    let Output { status, stdout, stderr } = command.args(app.parts_flags()).args(flags).output().await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

async fn role(person: &TestPerson) -> String {
    person.get("/api/auth/me").await.expect(200)["role"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn admin_add_appoints_a_person_beside_the_running_server_within_seconds() {
    let app = TestApp::start().await;
    let ann = app.sign_in("ann").await;
    ann.get("/api/admin/bookings").await.refused(403, "forbidden");
    let (code, said, _) = admin_add(&app, "ANN@example.test", &[]).await;
    assert_eq!(code, Some(0));
    assert!(said.contains("<ann@example.test> is an administrator now"), "{said}");
    eventually("the new role to reach the server", || async { (role(&ann).await == "ADMIN").then_some(()) }).await;
    ann.get("/api/admin/bookings").await.expect(200);
    let (code, said, _) = admin_add(&app, "ann@example.test", &[]).await;
    assert!(code == Some(0) && said.contains("was an administrator already"), "{said}");

    let (code, said, _) = admin_add(&app, "cat@example.test", &[]).await;
    assert!(code == Some(0) && said.contains("the address is remembered"), "{said}");
    let cat = app.sign_in("cat").await;
    assert_eq!(role(&cat).await, "ADMIN");
    assert_eq!(role(&app.sign_in("dan").await).await, "USER");
    eventually("the audit log to have them and the first administrator", || async {
        let log = cat.get("/api/admin/audit?type=AUDIT_LOG&limit=200").await.expect(200);
        let added = log["items"].as_array().unwrap().iter().filter(|item| item["data"]["action"] == "admin_added");
        let mut people: Vec<String> = added.map(|item| item["data"]["subject"].as_str().unwrap().to_owned()).collect();
        people.sort();
        let mut expected = [app.admin().id.clone(), ann.id.clone(), cat.id.clone()];
        expected.sort();
        (people == expected).then_some(())
    })
    .await;
    app.finish().await;
}

#[tokio::test]
async fn admin_add_exits_with_1_and_lists_the_people_when_none_is_of_the_configured_provider() {
    let app = TestApp::start().await;
    let ann = app.sign_in("ann").await;
    // The command takes the issuer from the settings; it needs no secret.
    let (code, said, why) = admin_add(&app, "ann@example.test", &["--google-client-id=cinema"]).await;
    assert_eq!((code, said.as_str()), (Some(1), ""), "{why}");
    assert!(why.contains(&ann.id) && why.contains("<ann@example.test> demo (verified)"), "{why}");
    assert_eq!(role(&ann).await, "USER");
    let (code, ..) = admin_add(&app, "ann", &[]).await;
    assert_eq!(code, Some(2), "not an address");
    app.finish().await;
}

#[tokio::test]
async fn admin_add_with_a_mistyped_data_dir_exits_with_1_and_creates_no_store() {
    let folder = tempfile::tempdir().unwrap();
    let mistyped = folder.path().join("seatkeper");
    let mut command = Command::new(program());
    command.args(["admin", "add", "cat@example.test"]).arg(format!("--data-dir={}", mistyped.display()));
    let Output { status, stdout, stderr } = command.output().await.unwrap();
    let why = String::from_utf8(stderr).unwrap();
    assert_eq!((status.code(), stdout.as_slice()), (Some(1), &b""[..]), "{why}");
    assert!(why.contains("there is no database") && why.contains(mistyped.to_str().unwrap()), "{why}");
    assert!(!mistyped.exists());
}

#[tokio::test]
async fn admin_add_before_the_first_sign_in_is_remembered_while_the_server_is_stopped() {
    let mut app = TestApp::without_people(&[]).await;
    app.kill().await;
    let (code, said, _) = admin_add(&app, "cat@example.test", &[]).await;
    assert!(code == Some(0) && said.contains("the address is remembered"), "{said}");
    app.restart().await;
    app.sign_in("somebody").await;
    assert_eq!(role(&app.sign_in("cat").await).await, "ADMIN");
    app.finish().await;
}

#[tokio::test]
async fn with_admin_email_only_that_person_becomes_the_first_administrator() {
    let app = TestApp::without_people(&["--admin-email=Boss@EXAMPLE.test"]).await;
    assert_eq!(role(&app.sign_in("somebody").await).await, "USER");
    assert_eq!(role(&app.sign_in("boss").await).await, "ADMIN");
    assert_eq!(role(&app.sign_in("else").await).await, "USER");
    app.finish().await;
}
