//! A start after files were lost: an older or empty database is refused, because it would sell seats again, and its
//! next visitor would become the administrator.

use std::{
    fs,
    path::{Path, PathBuf},
};

use seatkeeper_core::{ids::PersonId, ports::People};
use seatkeeper_testing::{SeededEntropy, identity_of, sample_now, sign_in_of};
use tempfile::TempDir;

use crate::sqlite::{OpenError, SqliteStore, files::beside};

async fn sign_in(store: &SqliteStore, names: &[&str]) {
    let ids = SeededEntropy::new(names.len() as u64);
    for name in names {
        let id = PersonId::from_uuid(ids.next_uuid());
        store.sign_in(&sign_in_of(identity_of(name), id), sample_now()).await.unwrap();
    }
}

/// The files of a store that was killed after three people had signed in, of whom the database file alone has one.
async fn killed() -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("store.sqlite");
    let store = SqliteStore::open(&path).unwrap();
    sign_in(&store, &["ann"]).await;
    drop(store);
    let store = SqliteStore::open(&path).unwrap();
    sign_in(&store, &["ann", "bob", "cid"]).await;
    let killed = folder.path().join("killed");
    fs::create_dir(&killed).unwrap();
    for suffix in ["", "-wal"] {
        fs::copy(beside(&path, suffix), beside(&killed.join("store.sqlite"), suffix)).unwrap();
    }
    // The watcher writes the mark when the store is closed.
    drop(store);
    fs::copy(beside(&path, ".mark"), killed.join("store.sqlite.mark")).unwrap();
    (folder, killed.join("store.sqlite"))
}

fn refusal(path: &Path) -> OpenError {
    let before: Vec<u64> = sizes(path);
    let refused = SqliteStore::open(path).unwrap_err();
    assert_eq!(sizes(path)[..1], before[..1], "the database is left as it is");
    refused
}

fn sizes(path: &Path) -> Vec<u64> {
    ["", "-wal"].map(|suffix| fs::metadata(beside(path, suffix)).map_or(0, |file| file.len())).to_vec()
}

#[tokio::test]
async fn killed_store_opens_with_all_its_files() {
    let (_folder, path) = killed().await;
    assert!(sizes(&path)[1] > 0, "the newest writes are in the write-ahead log");
    SqliteStore::open(&path).unwrap();
}

#[tokio::test]
async fn store_that_has_lost_its_log_is_refused_until_its_mark_is_deleted() {
    let (_folder, path) = killed().await;
    fs::remove_file(beside(&path, "-wal")).unwrap();
    let refused = refusal(&path);
    let OpenError::Older { found: 2, marked: 4, mark, .. } = &refused else { panic!("{refused}") };
    assert!(refused.to_string().contains("delete"), "{refused}");
    fs::remove_file(mark).unwrap();
    SqliteStore::open(&path).unwrap();
}

#[tokio::test]
async fn missing_database_is_refused_beside_its_log_which_is_kept() {
    let (_folder, path) = killed().await;
    let log = sizes(&path)[1];
    for length in [None, Some(0)] {
        match length {
            None => fs::remove_file(&path).unwrap(),
            Some(_) => fs::write(&path, "").unwrap(),
        }
        let refused = refusal(&path);
        assert!(matches!(&refused, OpenError::Emptied { trace, .. } if *trace == beside(&path, "-wal")), "{refused}");
        assert_eq!(sizes(&path), [0, log], "SQLite has not deleted the log");
        assert_eq!(path.exists(), length.is_some(), "no new database is created");
    }
}

#[tokio::test]
async fn database_without_tables_is_refused_beside_a_mark_or_a_file_of_the_cinema() {
    let folder = TempDir::new().unwrap();
    let (path, trace) = (folder.path().join("store.sqlite"), folder.path().join("locks.log"));
    // What SQLite writes before the first table: the rest was in the lost write-ahead log.
    let empty = rusqlite::Connection::open(&path).unwrap();
    empty.pragma_update(None, "journal_mode", "WAL").unwrap();
    drop(empty);
    assert_eq!(sizes(&path), [4096, 0]);
    fs::write(&trace, "SKLOCKS1").unwrap();
    let refused = SqliteStore::open_after(&path, Some(&trace)).unwrap_err();
    assert!(matches!(&refused, OpenError::Emptied { trace: named, .. } if *named == trace), "{refused}");
    let said = refused.to_string();
    assert!(said.contains("move") && said.contains("administrator"), "{said}");
    fs::write(beside(&path, ".mark"), "00000000000000000003\n").unwrap();
    assert!(matches!(refusal(&path), OpenError::Emptied { .. }));
    fs::remove_file(beside(&path, ".mark")).unwrap();
    SqliteStore::open(&path).unwrap();
}
