//! The data folder belongs to one server and one user, whatever name leads to it.

use std::{
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    process::Stdio,
    sync::Arc,
};

use tokio::process::Command;

use crate::support::{Parts, TestApp, program};

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// Starts a server, and checks that it refuses to start. Returns its error text.
async fn refused(flags: &[String]) -> String {
    let mut command = Command::new(program());
    command.args(["serve", "--listen=127.0.0.1:0"]).args(flags).stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{flags:?}: {said}");
    said
}

fn data_flag(path: &Path) -> String {
    format!("--data-dir={}", path.display())
}

fn store_flag(path: &Path) -> String {
    format!("--store-url=sqlite:{}", path.display())
}

#[tokio::test]
async fn second_server_on_the_same_database_or_data_folder_is_refused_under_any_name() {
    let app = TestApp::embedded().await;
    let database = app.data_dir().join("seatkeeper.db");
    let elsewhere = tempfile::tempdir().unwrap();
    let [folder, soft, hard, own] = ["folder", "soft.db", "hard.db", "own"].map(|name| elsewhere.path().join(name));
    symlink(app.data_dir(), &folder).unwrap();
    symlink(&database, &soft).unwrap();
    std::fs::hard_link(&database, &hard).unwrap();
    std::fs::remove_file(app.data_dir().join("seatkeeper.db.lock")).unwrap();
    for flags in [
        vec![data_flag(&app.data_dir())],
        vec![data_flag(&folder)],
        vec![data_flag(&own), store_flag(&soft)],
        vec![data_flag(&own), store_flag(&hard)],
        // Another database, but the same lock log.
        vec![data_flag(&app.data_dir()), store_flag(&elsewhere.path().join("other.db"))],
    ] {
        let said = refused(&flags).await;
        assert!(said.contains("in use by another server"), "{flags:?}: {said}");
    }
    app.get("/readyz").await.expect(200);
    app.finish().await;
}

#[tokio::test]
async fn existing_data_folder_and_database_that_others_can_read_are_made_private() {
    let mut app = TestApp::embedded().await;
    let database = app.data_dir().join("seatkeeper.db");
    assert_eq!(app.stop().await, 0, "{}", app.log());
    set_mode(&app.data_dir(), 0o755);
    set_mode(&database, 0o644);
    app.restart().await;
    assert_eq!((mode(&app.data_dir()), mode(&database)), (0o700, 0o600));
    for name in ["seatkeeper.db-wal", "seatkeeper.db-shm", "locks.log"] {
        assert_eq!(mode(&app.data_dir().join(name)), 0o600, "{name}");
    }
    app.finish().await;
}

#[tokio::test]
async fn shared_folder_and_dangling_link_are_refused_as_data_folder_and_left_as_they_are() {
    let elsewhere = tempfile::tempdir().unwrap();
    let [shared, all_users, link] = ["shared", "all", "link"].map(|name| elsewhere.path().join(name));
    std::fs::create_dir(&shared).unwrap();
    std::fs::write(shared.join("passwd"), "").unwrap();
    set_mode(&shared, 0o755);
    std::fs::create_dir(&all_users).unwrap();
    set_mode(&all_users, 0o1777);
    symlink(elsewhere.path().join("nowhere"), &link).unwrap();
    for (folder, says) in
        [(&shared, "it has files of other programs"), (&all_users, "all users"), (&link, "which does not exist")]
    {
        let said = refused(&[data_flag(folder)]).await;
        assert!(said.contains(says), "{folder:?}: {said}");
    }
    assert_eq!((mode(&shared), mode(&all_users)), (0o755, 0o777));
}

#[tokio::test]
async fn database_outside_of_the_data_folder_is_private_and_its_folder_is_left_alone() {
    let elsewhere = tempfile::tempdir().unwrap();
    set_mode(elsewhere.path(), 0o755);
    let database = elsewhere.path().join("cinema.db");
    let app = TestApp::on(Arc::new(Parts::Embedded), &[&store_flag(&database)]).await;
    assert_eq!((mode(elsewhere.path()), mode(&database)), (0o755, 0o600));
    assert_eq!(mode(&elsewhere.path().join("cinema.db-wal")), 0o600);
    app.finish().await;
}
