//! The health check notices files that were deleted or replaced, and pages that cannot be read.

use std::{
    fs,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

use seatkeeper_core::ports::Health;
use tempfile::TempDir;

use crate::sqlite::{
    SqliteStore,
    files::beside,
    open::connect_reader,
    rows::{count, run},
    watch::find_bad_page,
};

/// Bytes of a page of the database.
const PAGE: u64 = 4096;

async fn opened() -> (TempDir, PathBuf, SqliteStore) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("store.sqlite");
    let store = SqliteStore::open(&path).unwrap();
    store.ping().await.unwrap();
    (folder, path, store)
}

async fn complaint(store: &SqliteStore) -> String {
    store.ping().await.unwrap_err().to_string()
}

#[tokio::test]
async fn health_check_names_a_file_that_was_deleted_or_replaced_and_recovers_when_it_is_back() {
    for suffix in ["", "-wal", "-shm"] {
        let (_folder, path, store) = opened().await;
        let (file, away) = (beside(&path, suffix), beside(&path, ".away"));
        fs::rename(&file, &away).unwrap();
        let said = complaint(&store).await;
        assert!(said.contains("deleted or moved") && said.contains(file.to_str().unwrap()), "{said}");
        fs::copy(&away, &file).unwrap();
        assert!(complaint(&store).await.contains("was replaced"), "a copy is another file");
        fs::rename(&away, &file).unwrap();
        store.ping().await.unwrap();
    }
}

/// Fills the table `posters`.
async fn fill(path: &Path) {
    let put = "INSERT INTO posters (id, content_type, bytes) \
         SELECT randomblob(16), 'image/png', randomblob(200) FROM json_each(?1)";
    let numbers = format!("[{}1]", "1,".repeat(4_000));
    SqliteStore::open(path).unwrap().write(move |tx| run(tx, put, [numbers])).await.unwrap();
    assert!(!beside(path, "-wal").exists(), "the pages are in the database file");
}

#[tokio::test]
async fn malformed_pages_are_found_by_the_check_of_all_pages_and_by_reads() {
    let (_folder, path, store) = opened().await;
    drop(store);
    fill(&path).await;
    let over = AtomicBool::new(false);
    assert_eq!(find_bad_page(&connect_reader(&path).unwrap(), &over).unwrap(), None);
    let pages = fs::metadata(&path).unwrap().len() / PAGE;
    let file = fs::File::options().write(true).open(&path).unwrap();
    for page in pages / 2..pages {
        file.write_all_at(&[0xa5; PAGE as usize], page * PAGE).unwrap();
    }
    let found = find_bad_page(&connect_reader(&path).unwrap(), &over);
    let why = found.unwrap_or_else(|error| Some(error.to_string()));
    assert!(why.as_ref().is_some_and(|why| why.contains("posters") || why.contains("malformed")), "{why:?}");

    let store = SqliteStore::open(&path).unwrap();
    store.read(|tx| count(tx, "SELECT sum(length(bytes)) FROM posters", [])).await.unwrap_err();
    let said = complaint(&store).await;
    assert!(said.contains("malformed"), "{said}");
}
