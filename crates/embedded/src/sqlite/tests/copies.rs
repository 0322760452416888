//! Backups and restores.

use std::{
    fs,
    os::unix::fs::{FileExt, PermissionsExt},
    path::{Path, PathBuf},
};

use rusqlite::Connection;
use seatkeeper_core::{ids::PersonId, ports::People};
use seatkeeper_testing::{SeededEntropy, identity_of, sample_now, sign_in_of};
use tempfile::TempDir;

use crate::sqlite::{
    CopyError, SqliteStore, back_up,
    files::beside,
    open::MIGRATIONS,
    restore,
    rows::{count, run},
};

const DATE: &str = "2026-11-30T15-04-05Z";

fn new_folder() -> (TempDir, PathBuf, PathBuf) {
    let folder = TempDir::new().unwrap();
    let [path, copy] = ["store.sqlite", "copy.db"].map(|name| folder.path().join(name));
    (folder, path, copy)
}

async fn sign_in(store: &SqliteStore, name: &str, seed: u64) {
    let id = PersonId::from_uuid(SeededEntropy::new(seed).next_uuid());
    store.sign_in(&sign_in_of(identity_of(name), id), sample_now()).await.unwrap();
}

async fn people(path: &Path) -> u64 {
    let store = SqliteStore::open(path).unwrap();
    store.read(|tx| count(tx, "SELECT count(*) FROM people", [])).await.unwrap()
}

fn names(folder: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(folder.path()).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn backup_of_an_open_store_is_one_private_file_with_every_acknowledged_write() {
    let (folder, path, copy) = new_folder();
    let store = SqliteStore::open(&path).unwrap();
    sign_in(&store, "ann", 1).await;
    let before = names(&folder);
    let done = back_up(&path, &copy).unwrap();
    assert_eq!((done.bytes, done.version), (fs::metadata(&copy).unwrap().len(), MIGRATIONS.len()));
    assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    let mut after = before;
    after.insert(0, "copy.db".to_owned());
    assert_eq!(names(&folder), after, "nothing else is left behind, and the server's log is untouched");
    sign_in(&store, "bob", 2).await;
    let refused = back_up(&path, &copy).unwrap_err();
    assert!(matches!(&refused, CopyError::Exists(named) if *named == copy), "{refused}");
    assert_eq!(people(&copy).await, 1);
}

#[tokio::test]
async fn backup_is_not_made_of_a_damaged_store_or_of_no_store() {
    let (folder, path, copy) = new_folder();
    back_up(&path, &copy).unwrap_err();
    fs::write(&path, "").unwrap();
    back_up(&path, &copy).unwrap_err();
    fs::remove_file(&path).unwrap();
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE notes (text TEXT)").unwrap();
    assert!(matches!(back_up(&path, &copy).unwrap_err(), CopyError::Foreign(_)));
    fs::remove_file(&path).unwrap();

    let store = SqliteStore::open(&path).unwrap();
    let orphan = "INSERT INTO sessions (hash, person_id, created_at, seen_at) VALUES (x'01', x'02', 0, 0)";
    drop(store);
    let connection = Connection::open(&path).unwrap();
    connection.pragma_update(None, "foreign_keys", false).unwrap();
    connection.execute(orphan, []).unwrap();
    drop(connection);
    let refused = back_up(&path, &copy).unwrap_err();
    assert!(refused.to_string().contains("refers to a missing row of people"), "{refused}");
    assert!(names(&folder).iter().all(|name| !name.starts_with("copy.db")), "{:?}", names(&folder));
}

#[tokio::test]
async fn restore_puts_the_backup_in_place_and_keeps_everything_that_was_there() {
    let (folder, path, copy) = new_folder();
    let locks = folder.path().join("locks.log");
    let store = SqliteStore::open(&path).unwrap();
    sign_in(&store, "ann", 1).await;
    back_up(&path, &copy).unwrap();
    sign_in(&store, "bob", 2).await;
    let refused = restore(&copy, &path, &[], DATE).unwrap_err();
    assert!(refused.to_string().contains("in use by another server"), "{refused}");
    drop(store);
    fs::write(&locks, "SKLOCKS1").unwrap();

    let done = restore(&copy, &path, std::slice::from_ref(&locks), DATE).unwrap();
    let aside = beside(&path, &format!(".before-{DATE}"));
    let locks_aside = beside(&locks, &format!(".before-{DATE}"));
    assert_eq!(done.moved, [(path.clone(), aside.clone()), (locks.clone(), locks_aside.clone())]);
    assert_eq!((people(&path).await, people(&copy).await, people(&aside).await), (1, 1, 2));
    assert!(!locks.exists() && locks_aside.exists());
    // Again at the same time: nothing is overwritten.
    let again = restore(&copy, &path, &[], DATE).unwrap();
    assert_eq!(again.moved[0].1, beside(&path, &format!(".before-{DATE}-2")));
    assert_eq!(people(&path).await, 1);
}

/// The files of a killed server: the newest writes are in the write-ahead log.
#[tokio::test]
async fn restore_moves_the_log_of_a_killed_server_aside_with_its_database_and_reads_that_of_the_source() {
    let (folder, path, copy) = new_folder();
    let store = SqliteStore::open(&path).unwrap();
    back_up(&path, &copy).unwrap();
    sign_in(&store, "ann", 1).await;
    let killed = folder.path().join("killed.sqlite");
    for suffix in ["", "-wal"] {
        fs::copy(beside(&path, suffix), beside(&killed, suffix)).unwrap();
    }
    drop(store);
    let done = restore(&copy, &killed, &[], DATE).unwrap();
    assert_eq!(done.moved.len(), 2, "{:?}", done.moved);
    let (_, aside) = &done.moved[0];
    assert_eq!(people(&killed).await, 0);
    restore(aside, &killed, &[], DATE).unwrap();
    assert_eq!(people(&killed).await, 1, "the log was read");
    assert!(beside(aside, "-wal").exists(), "the source stays as it is");
}

#[tokio::test]
async fn restore_into_an_empty_folder_creates_the_database() {
    let (folder, path, copy) = new_folder();
    drop(SqliteStore::open(&path).unwrap());
    back_up(&path, &copy).unwrap();
    let new = folder.path().join("new.sqlite");
    let done = restore(&copy, &new, &[folder.path().join("locks.log")], DATE).unwrap();
    assert_eq!(done.moved, []);
    assert_eq!(people(&new).await, 0);
}

#[tokio::test]
async fn restore_of_a_damaged_foreign_newer_or_used_file_changes_nothing() {
    let (folder, path, copy) = new_folder();
    let store = SqliteStore::open(&path).unwrap();
    let many = "INSERT INTO posters (id, content_type, bytes) \
         SELECT randomblob(16), 'image/png', randomblob(200) FROM json_each(?1)";
    let numbers = format!("[{}1]", "1,".repeat(1_000));
    store.write(move |tx| run(tx, many, [numbers])).await.unwrap();
    back_up(&path, &copy).unwrap();
    drop(store);

    let [torn, short, foreign, newer, text, used] =
        ["torn", "short", "foreign", "newer", "text", "used"].map(|name| folder.path().join(name));
    for like in [&torn, &short, &newer, &used] {
        fs::copy(&copy, like).unwrap();
    }
    let length = fs::metadata(&copy).unwrap().len();
    fs::File::options().write(true).open(&torn).unwrap().write_all_at(&[7; 20_000], length / 2).unwrap();
    fs::File::options().write(true).open(&short).unwrap().set_len(length / 2).unwrap();
    Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE a (b); PRAGMA user_version = 3").unwrap();
    Connection::open(&newer).unwrap().pragma_update(None, "user_version", 99).unwrap();
    fs::write(&text, "not a database, but long enough to be read as the head of one: ".repeat(100)).unwrap();
    let user = SqliteStore::open(&used).unwrap();
    let before = names(&folder);
    let present = fs::read(&path).unwrap();
    for (file, says) in [
        (&torn, "damaged"),
        (&short, ""),
        (&foreign, "is not a database of Seatkeeper"),
        (&newer, "newer program"),
        (&text, "not a database"),
        (&used, "in use by a server"),
        (&path, "is the present database"),
        (&folder.path().join("missing"), "missing"),
    ] {
        let refused = restore(file, &path, &[], DATE).unwrap_err();
        assert!(refused.to_string().contains(says), "{file:?}: {refused}");
        assert_eq!(names(&folder), before, "{file:?}");
        assert!(fs::read(&path).unwrap() == present, "{file:?}");
    }
    drop(user);
}
