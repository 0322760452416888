//! Only one server opens a database, whatever path leads to it; commands open it beside that server.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
};

use rusqlite::Connection;
use seatkeeper_core::{ids::PersonId, ports::People};
use seatkeeper_testing::{SeededEntropy, identity_of, sample_now, sign_in_of};
use tempfile::TempDir;

use crate::sqlite::{OpenError, SqliteStore, files::beside, open::MIGRATIONS};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn second_server_is_refused_through_a_symbolic_link_a_hard_link_and_without_the_lock_file() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("store.sqlite");
    let store = SqliteStore::open(&path).unwrap();
    let [soft, hard] = ["soft.sqlite", "hard.sqlite"].map(|name| folder.path().join(name));
    symlink(&path, &soft).unwrap();
    fs::hard_link(&path, &hard).unwrap();
    fs::remove_file(beside(&path, ".lock")).unwrap();
    for name in [&path, &soft, &hard] {
        let refused = SqliteStore::open(name).unwrap_err();
        assert!(matches!(&refused, OpenError::InUse(named) if named == name), "{name:?}: {refused}");
    }
    drop(store);
    fs::remove_file(&hard).unwrap();
    SqliteStore::open(&soft).unwrap();
    assert!(!beside(&soft, ".mark").exists(), "the files are beside the file to which the link leads");
}

/// Version 0.1.0 locks only the `.lock` file.
#[test]
fn server_of_the_first_version_excludes_one_of_this_version_and_the_other_way_round() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("store.sqlite");
    drop(SqliteStore::open(&path).unwrap());
    let lock = fs::File::options().write(true).open(beside(&path, ".lock")).unwrap();
    lock.lock().unwrap();
    assert!(matches!(SqliteStore::open(&path).unwrap_err(), OpenError::InUse(_)));
    lock.unlock().unwrap();
    let _store = SqliteStore::open(&path).unwrap();
    lock.try_lock().unwrap_err();
}

#[test]
fn files_of_a_store_are_made_private() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("store.sqlite");
    drop(SqliteStore::open(&path).unwrap());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let _store = SqliteStore::open(&path).unwrap();
    for suffix in ["", "-wal", "-shm", ".lock", ".mark"] {
        assert_eq!(mode(&beside(&path, suffix)), 0o600, "{suffix}");
    }
}

#[tokio::test]
async fn store_that_is_opened_beside_a_server_writes_and_leaves_its_log_alone() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("store.sqlite");
    let ids = SeededEntropy::new(5);
    let store = SqliteStore::open(&path).unwrap();
    let other = SqliteStore::open_beside(&path).unwrap();
    let id = PersonId::from_uuid(ids.next_uuid());
    let person = other.sign_in(&sign_in_of(identity_of("ann"), id), sample_now()).await.unwrap();
    drop(other);
    assert_eq!(store.find_person(id).await.unwrap(), Some(person));
    assert!(beside(&path, "-wal").exists());
    drop(store);
    assert!(!beside(&path, "-wal").exists(), "a clean stop leaves one file");
}

#[test]
fn store_is_opened_beside_a_server_only_if_it_exists_and_has_this_version() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("store.sqlite");
    assert!(matches!(SqliteStore::open_beside(&path).unwrap_err(), OpenError::Missing(_)));
    fs::write(&path, "").unwrap();
    assert!(matches!(SqliteStore::open_beside(&path).unwrap_err(), OpenError::Missing(_)));
    drop(SqliteStore::open(&path).unwrap());
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 1).unwrap();
    let refused = SqliteStore::open_beside(&path).unwrap_err();
    assert!(matches!(refused, OpenError::TooOld { found: 1, known } if known == MIGRATIONS.len()), "{refused}");
}
