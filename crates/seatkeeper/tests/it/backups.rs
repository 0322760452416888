//! Backups and restores, as docs/operating.md describes them, beside a running server and after it was stopped or
//! killed.

use std::{
    os::unix::fs::{FileExt, PermissionsExt},
    path::{Path, PathBuf},
    process::{Output, Stdio},
    sync::Arc,
};

use serde_json::Value;
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use crate::support::{Parts, TestApp, eventually, program};

/// Bytes of a page of the database.
const PAGE: u64 = 4096;

/// Runs a command of the program on the app's data folder.
async fn run(app: &TestApp, command: &str, file: &Path) -> Output {
    let data = format!("--data-dir={}", app.data_dir().display());
    Command::new(program()).arg(command).arg(data).arg(file).stdin(Stdio::null()).output().await.unwrap()
}

async fn run_well(app: &TestApp, command: &str, file: &Path) -> String {
    let output = run(app, command, file).await;
    assert_eq!((output.status.code(), said(&output)), (Some(0), String::new()));
    String::from_utf8(output.stdout).unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Starts a server on the app's data folder, and checks that it refuses to start. Returns its error text.
async fn refused_start(app: &TestApp) -> String {
    let data = format!("--data-dir={}", app.data_dir().display());
    let mut command = Command::new(program());
    command.args(["serve", "--listen=127.0.0.1:0", &data]).stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    said(&output)
}

fn database(app: &TestApp) -> PathBuf {
    app.data_dir().join("seatkeeper.db")
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Waits until the change mark counts the newest sale, so that the loss of this sale would be noticed.
async fn until_marked(app: &TestApp) {
    let changes = "SELECT (SELECT max(rowid) FROM people) + (SELECT seq FROM sqlite_sequence WHERE name = 'outbox')";
    eventually("the mark is written", || async {
        let marked: i64 =
            std::fs::read_to_string(app.data_dir().join("seatkeeper.db.mark")).ok()?.trim().parse().ok()?;
        let changes: i64 = app.store().query_row(changes, [], |row| row.get(0)).unwrap();
        (marked == changes).then_some(())
    })
    .await;
}

/// The procedure of the manual: a backup while seats are locked and released without a pause, a loss of the data, a
/// restore.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn backup_during_many_writes_is_restored_with_every_sale_before_it_and_none_after_it() {
    let mut app = TestApp::embedded().await;
    let screening = app.screening("ssssssss").await;
    let ann = app.sign_in("ann").await;
    let before = ann.buy(&screening, &["A1"]).await;
    let (over, bob) = (CancellationToken::new(), app.sign_in("bob").await);
    let storm = tokio::spawn({
        let (over, bob, id) = (over.clone(), bob.clone(), screening.id.clone());
        async move {
            let body = serde_json::json!({"screening_id": id, "seat_ids": ["A8"]});
            while !over.is_cancelled() {
                bob.post("/api/lock", body.clone()).await.expect(200);
                bob.send(bob.request(reqwest::Method::DELETE, "/api/lock").json(&body)).await.expect(200);
            }
        }
    });
    let elsewhere = tempfile::tempdir().unwrap();
    let copy = elsewhere.path().join("seatkeeper-2026-11-30.db");
    let told = run_well(&app, "backup", &copy).await;
    assert!(told.contains("verified") && told.contains("MiB"), "{told}");
    over.cancel();
    storm.await.unwrap();
    assert_eq!(names(elsewhere.path()), ["seatkeeper-2026-11-30.db"], "one whole file");
    assert_eq!(std::fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    let again = run(&app, "backup", &copy).await;
    assert!(again.status.code() == Some(1) && said(&again).contains("exists already"), "{}", said(&again));

    ann.buy(&screening, &["A2"]).await;
    bob.lock(&screening, &["A3"]).await.expect(200);
    let refused = run(&app, "restore", &copy).await;
    assert!(refused.status.code() == Some(1) && said(&refused).contains("in use by another server"));
    assert_eq!(app.stop().await, 0, "{}", app.log());
    let told = run_well(&app, "restore", &copy).await;
    assert_eq!(told.matches(".before-").count(), 2, "the database and the lock log are kept: {told}");
    app.restart().await;
    let bookings = ann.get("/api/bookings").await.expect(200);
    let codes: Vec<&Value> = bookings["items"].as_array().unwrap().iter().map(|booking| &booking["code"]).collect();
    assert_eq!(codes, [&before["code"]]);
    assert_eq!(screening.taken(&ann).await, ["A1:BOOKED"], "seats held at the time of the loss are free");
    bob.buy(&screening, &["A2"]).await;
    app.finish().await;
}

#[tokio::test]
async fn clean_stop_leaves_all_data_in_the_database_file() {
    let mut app = TestApp::embedded().await;
    let screening = app.screening("ssss").await;
    let ann = app.sign_in("ann").await;
    ann.buy(&screening, &["A1"]).await;
    assert_eq!(app.stop().await, 0, "{}", app.log());
    assert!(names(&app.data_dir()).iter().all(|name| !name.ends_with("-wal")), "{:?}", names(&app.data_dir()));
    let kept = app.data_dir().with_file_name("kept.db");
    std::fs::rename(database(&app), &kept).unwrap();
    std::fs::remove_dir_all(app.data_dir()).unwrap();
    std::fs::create_dir(app.data_dir()).unwrap();
    std::fs::rename(&kept, database(&app)).unwrap();
    app.restart().await;
    assert_eq!(screening.taken(&ann).await, ["A1:BOOKED"]);
    let boss = app.admin().get("/api/auth/me").await.expect(200);
    assert_eq!(boss["role"], "ADMIN");
    app.finish().await;
}

#[tokio::test]
async fn server_does_not_start_on_a_database_that_lost_its_newest_sales_or_everything() {
    let mut app = TestApp::embedded().await;
    let screening = app.screening("ssss").await;
    let ann = app.sign_in("ann").await;
    assert_eq!(app.stop().await, 0, "{}", app.log());
    app.restart().await;
    ann.buy(&screening, &["A1"]).await;
    until_marked(&app).await;
    app.kill().await;
    let kept = tempfile::tempdir().unwrap();
    for name in ["seatkeeper.db", "seatkeeper.db-wal"] {
        std::fs::rename(app.data_dir().join(name), kept.path().join(name)).unwrap();
    }
    std::fs::remove_file(app.data_dir().join("seatkeeper.db-shm")).unwrap();

    let said = refused_start(&app).await;
    assert!(said.contains("missing or empty") && said.contains("administrator"), "{said}");
    assert!(!database(&app).exists(), "no new cinema was begun");
    std::fs::copy(kept.path().join("seatkeeper.db"), database(&app)).unwrap();
    let said = refused_start(&app).await;
    assert!(said.contains("older than when it was last used"), "{said}");
    let mark = app.data_dir().join("seatkeeper.db.mark");
    std::fs::remove_file(&mark).unwrap();
    std::fs::write(database(&app), "").unwrap();
    let said = refused_start(&app).await;
    assert!(said.contains("locks.log"), "{said}");

    for name in ["seatkeeper.db", "seatkeeper.db-wal"] {
        std::fs::rename(kept.path().join(name), app.data_dir().join(name)).unwrap();
    }
    app.restart().await;
    assert_eq!(screening.taken(&ann).await, ["A1:BOOKED"]);
    app.finish().await;
}

#[tokio::test]
async fn readiness_names_the_store_when_its_file_or_wal_is_missing_and_a_clean_stop_loses_no_sale() {
    let mut app = TestApp::embedded().await;
    let screening = app.screening("ssss").await;
    let ann = app.sign_in("ann").await;
    ann.buy(&screening, &["A1"]).await;
    app.get("/readyz").await.expect(200);
    let away = app.data_dir().join("away.db");
    std::fs::rename(database(&app), &away).unwrap();
    let answer = app.get("/readyz").await.refused(503, "not_ready");
    assert!(answer.to_string().contains("store"), "{answer}");
    std::fs::rename(&away, database(&app)).unwrap();
    app.get("/readyz").await.expect(200);
    std::fs::remove_file(app.data_dir().join("seatkeeper.db-wal")).unwrap();
    app.get("/readyz").await.refused(503, "not_ready");
    eventually("the log says what is wrong", || async {
        app.log().contains("seatkeeper.db-wal was deleted").then_some(())
    })
    .await;
    // The server still has the deleted WAL open, so a clean stop copies its pages into the database file.
    assert_eq!(app.stop().await, 0, "{}", app.log());
    app.restart().await;
    assert_eq!(screening.taken(&ann).await, ["A1:BOOKED"]);
    app.finish().await;
}

#[tokio::test]
async fn readiness_names_the_store_after_pages_of_the_database_became_unreadable() {
    let mut app = TestApp::on(Arc::new(Parts::Embedded), &["--demo"]).await;
    // A clean stop moves all pages from the WAL into the database file.
    assert_eq!(app.stop().await, 0, "{}", app.log());
    app.restart().await;
    let file = std::fs::File::options().write(true).open(database(&app)).unwrap();
    let pages = file.metadata().unwrap().len() / PAGE;
    for page in 4..pages {
        file.write_all_at(&[0xa5; PAGE as usize], page * PAGE).unwrap();
    }
    eventually("the damage is noticed", || async { (app.get("/readyz").await.status == 503).then_some(()) }).await;
    app.finish_with_wrong_books().await;
}

#[tokio::test]
async fn backup_and_restore_of_a_mongodb_store_exit_with_2_and_name_its_own_tools() {
    let store = "--store-url=mongodb://127.0.0.1/cinema?replicaSet=rs0";
    for (command, tool) in [("backup", "mongodump"), ("restore", "mongorestore")] {
        let output = Command::new(program()).args([command, store, "file"]).output().await.unwrap();
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        assert!(said(&output).contains(tool), "{}", said(&output));
    }
}
