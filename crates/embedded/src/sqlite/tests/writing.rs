//! The writer: group commit, isolation of failed writes, durability after a kill.

use std::{
    future::Future,
    sync::{Arc, mpsc},
};

use rusqlite::Transaction;
use seatkeeper_core::{
    ids::PersonId,
    ports::{Backend, EventLog, Outbox, People},
};
use seatkeeper_testing::{SeededEntropy, identity_of, sample_now, sign_in_of};
use tempfile::TempDir;

use crate::sqlite::{
    BATCH_WRITES_MAX, OpenError, SqliteStore, WRITES_WAITING_MAX,
    open::{MIGRATIONS, connect_writer},
    rows::{Fault, count, run},
};

fn opened() -> (TempDir, Arc<SqliteStore>) {
    let folder = TempDir::new().unwrap();
    let store = SqliteStore::open(&folder.path().join("store.sqlite")).unwrap();
    (folder, Arc::new(store))
}

fn put(tx: &Transaction<'_>, name: &str) -> Result<(), Fault> {
    run(tx, "INSERT INTO counters (name, value) VALUES (?1, 0)", [name]).map(|_| ())
}

async fn counters(store: &SqliteStore) -> u64 {
    store.read(|tx| count(tx, "SELECT count(*) FROM counters", [])).await.unwrap()
}

/// Blocks the writer until a message is sent, so that writes started meanwhile wait and share a batch.
async fn hold(store: &Arc<SqliteStore>) -> (mpsc::Sender<()>, tokio::task::JoinHandle<Backend<()>>) {
    let (go, gone) = mpsc::channel();
    let (began, begun) = tokio::sync::oneshot::channel();
    let holder = Arc::clone(store);
    let held = tokio::spawn(async move {
        let work = move |_: &Transaction<'_>| {
            began.send(()).unwrap();
            gone.recv().map_err(|_| Fault::Broken("the sender was dropped"))
        };
        holder.write(work).await
    });
    begun.await.unwrap();
    (go, held)
}

/// Queues a write and returns at once, so that writes run in the order of the calls of this function.
fn queue<T: Send + 'static>(
    store: &Arc<SqliteStore>,
    work: impl FnOnce(&Transaction<'_>) -> Result<T, Fault> + Send + 'static,
) -> impl Future<Output = Backend<T>> {
    let mut write = Box::pin({
        let store = Arc::clone(store);
        async move { store.write(work).await }
    });
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let ready = write.as_mut().poll(&mut context);
    async move {
        match ready {
            std::task::Poll::Ready(answer) => answer,
            std::task::Poll::Pending => write.await,
        }
    }
}

#[tokio::test]
async fn waiting_writes_share_a_commit() {
    let (_folder, store) = opened();
    let (go, held) = hold(&store).await;
    let before = store.write_counts();
    let writes = BATCH_WRITES_MAX * 2;
    let answers: Vec<_> = (0..writes).map(|n| queue(&store, move |tx| put(tx, &format!("{n}")))).collect();
    go.send(()).unwrap();
    held.await.unwrap().unwrap();
    for answer in answers {
        answer.await.unwrap();
    }
    let after = store.write_counts();
    assert_eq!(after.commits - before.commits, 3, "the blocking write, and two full batches");
    assert_eq!(after.writes - before.writes, 1 + u64::try_from(writes).unwrap());
    assert_eq!(counters(&store).await, 1 + u64::try_from(writes).unwrap());
}

#[tokio::test]
async fn failed_or_panicked_write_does_not_affect_the_other_writes_of_its_batch() {
    let (_folder, store) = opened();
    let (go, held) = hold(&store).await;
    let first = queue(&store, |tx| put(tx, "first"));
    let failed = queue(&store, |tx| {
        put(tx, "half")?;
        put(tx, "first")
    });
    let panicked = queue(&store, |tx| -> Result<(), Fault> {
        put(tx, "other half")?;
        panic!("a bug")
    });
    let last = queue(&store, |tx| put(tx, "last"));
    go.send(()).unwrap();
    held.await.unwrap().unwrap();
    first.await.unwrap();
    assert!(!failed.await.unwrap_err().retryable);
    assert_eq!(panicked.await.unwrap_err().to_string(), "store: the work panicked");
    last.await.unwrap();
    assert_eq!(counters(&store).await, 3, "programme_revision, first, last");
    store.write(|tx| put(tx, "the writer lives")).await.unwrap();
}

#[tokio::test]
async fn failed_commit_is_a_retryable_error_for_every_write_of_its_batch() {
    let (_folder, store) = opened();
    let (go, held) = hold(&store).await;
    let good = queue(&store, |tx| put(tx, "good"));
    let own_fault = queue(&store, |tx| put(tx, "good"));
    let bad = queue(&store, |tx| {
        tx.pragma_update(None, "defer_foreign_keys", true)?;
        let sql = "INSERT INTO sessions (hash, person_id, created_at, seen_at) VALUES (x'01', x'02', 0, 0)";
        run(tx, sql, [])
    });
    go.send(()).unwrap();
    held.await.unwrap().unwrap();
    assert!(good.await.unwrap_err().retryable);
    assert!(!own_fault.await.unwrap_err().retryable, "a write's own failure would happen again");
    assert!(bad.await.unwrap_err().retryable);
    assert_eq!(counters(&store).await, 1);
    store.write(|tx| put(tx, "good")).await.unwrap();
}

#[tokio::test]
async fn write_is_refused_with_a_retryable_error_when_the_queue_is_full() {
    let (_folder, store) = opened();
    let (go, held) = hold(&store).await;
    let waiting: Vec<_> = (0..WRITES_WAITING_MAX).map(|_| queue(&store, |_| Ok(()))).collect();
    let refused = queue(&store, |_| Ok(())).await.unwrap_err();
    assert!(refused.retryable, "{refused}");
    go.send(()).unwrap();
    held.await.unwrap().unwrap();
    for answer in waiting {
        answer.await.unwrap();
    }
    store.write(|_| Ok(())).await.unwrap();
}

#[tokio::test]
async fn reader_cannot_write_and_survives_a_panic() {
    let (_folder, store) = opened();
    let refused = store.read(|tx| put(tx, "x")).await;
    assert!(refused.is_err());
    for _ in 0..2 * super::super::READERS {
        let panicked = store.read(|_| -> Result<(), Fault> { panic!("a bug") }).await;
        assert_eq!(panicked.unwrap_err().to_string(), "store: the work panicked");
    }
    assert_eq!(counters(&store).await, 1);
}

#[tokio::test]
async fn second_server_cannot_open_the_store_until_the_first_has_closed_it() {
    let (folder, store) = opened();
    let path = folder.path().join("store.sqlite");
    let refused = SqliteStore::open(&path).unwrap_err();
    assert!(matches!(&refused, OpenError::InUse(named) if *named == path), "{refused}");
    assert!(refused.to_string().contains("in use by another server"));
    drop(store);
    SqliteStore::open(&path).unwrap();
}

/// Copies the files while the store is open. A kill -9 would leave the same files, because no connection was closed.
#[tokio::test]
async fn acknowledged_writes_survive_a_kill() {
    let (folder, store) = opened();
    let ids = SeededEntropy::new(5);
    for number in 0..50 {
        let id = PersonId::from_uuid(ids.next_uuid());
        let person = store.sign_in(&sign_in_of(identity_of(&format!("p{number}")), id), sample_now()).await.unwrap();
        let killed = TempDir::new().unwrap();
        for name in ["store.sqlite", "store.sqlite-wal"] {
            std::fs::copy(folder.path().join(name), killed.path().join(name)).unwrap();
        }
        if number % 10 == 9 {
            let copy = SqliteStore::open(&killed.path().join("store.sqlite")).unwrap();
            assert_eq!(copy.find_person(id).await.unwrap(), Some(person));
            assert_eq!(copy.read(|tx| count(tx, "SELECT count(*) FROM people", [])).await.unwrap(), number + 1);
        }
    }
}

#[tokio::test]
async fn files_of_all_earlier_versions_are_migrated_and_rows_survive_a_reopen() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("store.sqlite");
    for version in 0..=MIGRATIONS.len() {
        let path = folder.path().join(format!("v{version}.sqlite"));
        let connection = connect_writer(&path).unwrap();
        for (_, sql) in &MIGRATIONS[..version] {
            connection.execute_batch(sql).unwrap();
        }
        connection.pragma_update(None, "user_version", i64::try_from(version).unwrap()).unwrap();
        drop(connection);
        let store = SqliteStore::open(&path).unwrap();
        assert_eq!(store.count_unsent().await.unwrap() + store.lag_of_all().await, 0, "from version {version}");
    }
    let store = SqliteStore::open(&path).unwrap();
    store.write(|tx| put(tx, "kept")).await.unwrap();
    drop(store);
    assert_eq!(counters(&SqliteStore::open(&path).unwrap()).await, 2);
}

impl SqliteStore {
    async fn lag_of_all(&self) -> u64 {
        self.lag(seatkeeper_core::ports::Consumer::Mail).await.unwrap()
    }
}

#[test]
fn file_of_a_newer_version_is_refused() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("store.sqlite");
    drop(SqliteStore::open(&path).unwrap());
    let connection = connect_writer(&path).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    let refused = SqliteStore::open(&path).unwrap_err();
    assert!(matches!(refused, OpenError::TooNew { found: 99, .. }), "{refused}");
}

#[tokio::test]
async fn commits_are_synced_and_foreign_keys_are_checked() {
    let (_folder, store) = opened();
    let settings = |tx: &Transaction<'_>| {
        let number = |name| tx.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        let mode: String = tx.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
        Ok((mode, number("synchronous")?, number("foreign_keys")?))
    };
    assert_eq!(store.write(settings).await.unwrap(), ("wal".to_owned(), 2, 1), "2 is FULL");
}

/// SQLite does not report how it syncs, so this checks its compile-time option. `examples/commit_rate.rs` counts the
/// system calls.
#[test]
fn sqlite_is_built_to_use_fdatasync() {
    let flags = option_env!("LIBSQLITE3_FLAGS").unwrap_or_default();
    assert!(flags.contains("-DHAVE_FDATASYNC=1"), "SQLite was built with {flags:?}");
}
