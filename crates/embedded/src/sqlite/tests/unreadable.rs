//! An unreadable event blocks neither the relay nor a consumer: it is moved to the quarantine table, reported once, and
//! stays stored.

use std::path::PathBuf;

use jiff::SignedDuration;
use rusqlite::Connection;
use seatkeeper_core::{
    event::{Event, EventKind},
    ids::EventId,
    ports::{Consumer, EventLog, Outbox},
};
use seatkeeper_testing::{SeededEntropy, event_of, sample_now};
use tempfile::TempDir;
use uuid::Uuid;

use crate::sqlite::SqliteStore;

const RELAY: Uuid = Uuid::from_u128(7);

struct Stage {
    store: SqliteStore,
    path: PathBuf,
    _folder: TempDir,
}

impl Stage {
    async fn open() -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("store.sqlite");
        let store = SqliteStore::open(&path).unwrap();
        let until = sample_now() + SignedDuration::from_hours(1);
        assert!(store.take_relay_lease(RELAY, sample_now(), until).await.unwrap());
        Self { store, path, _folder: folder }
    }

    /// Changes the database with SQL that bypasses the store.
    fn by_hand(&self, sql: &str) {
        assert!(Connection::open(&self.path).unwrap().execute(sql, []).unwrap() > 0, "{sql}");
    }

    /// The rows of the quarantine table, as `origin position event`.
    fn put_aside(&self) -> Vec<String> {
        let connection = Connection::open(&self.path).unwrap();
        let sql = "SELECT origin || ' ' || position, CAST(event AS BLOB) FROM unreadable_events ORDER BY 1";
        let mut statement = connection.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, Vec<u8>>(1)?))).unwrap();
        rows.map(Result::unwrap).map(|(row, event)| format!("{row} {}", String::from_utf8_lossy(&event))).collect()
    }

    async fn unsent(&self) -> Vec<String> {
        self.store.list_unsent(RELAY, 100).await.unwrap().iter().map(name_of).collect()
    }

    async fn next(&self, consumer: Consumer) -> Vec<(i64, String)> {
        let next = self.store.list_next(consumer, 2).await.unwrap();
        next.iter().map(|logged| (logged.position, name_of(&logged.event))).collect()
    }
}

fn events(names: &[&str]) -> Vec<Event> {
    let ids = SeededEntropy::new(3);
    names.iter().map(|name| event_of(&ids, sample_now(), name)).collect()
}

fn name_of(event: &Event) -> String {
    match &event.kind {
        EventKind::AuditLog { action, .. } => action.clone(),
        EventKind::SystemError { code, place, count } => format!("{code} {place} {count}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn unreadable_event_of_the_outbox_is_quarantined_and_reported_once() {
    let stage = Stage::open().await;
    let told = events(&["a", "b", "c", "d", "e"]);
    stage.store.append_events(&told).await.unwrap();
    stage.by_hand("UPDATE outbox SET event = '{half' WHERE seq = 1");
    stage.by_hand("UPDATE outbox SET event = replace(event, 'AUDIT_LOG', 'OF_TOMORROW') WHERE seq = 3");
    stage.by_hand("UPDATE outbox SET event = (SELECT event FROM outbox WHERE seq = 5) WHERE seq = 4");
    let expected =
        ["b", "e", "unreadable_event outbox 1 1", "unreadable_event outbox 3 1", "unreadable_event outbox 4 1"];
    assert_eq!(stage.unsent().await, expected);
    assert_eq!(stage.unsent().await, expected, "reported once");
    assert_eq!(stage.store.count_unsent().await.unwrap(), 5);

    let sent: Vec<EventId> = stage.store.list_unsent(RELAY, 100).await.unwrap().iter().map(|event| event.id).collect();
    stage.store.mark_sent(RELAY, &sent).await.unwrap();
    assert_eq!(stage.store.count_unsent().await.unwrap(), 0, "no event waits for ever");
    let kept = stage.put_aside();
    assert_eq!(kept.len(), 3);
    assert_eq!(kept[0], "outbox 1 {half", "the row is unchanged");

    // An event with the same id may be appended again.
    stage.store.append_events(&told[..1]).await.unwrap();
    assert_eq!(stage.unsent().await, ["a"]);
}

#[tokio::test]
async fn unreadable_event_of_the_event_log_blocks_no_consumer() {
    let stage = Stage::open().await;
    stage.store.publish(&events(&["a", "b", "c", "d", "e"])).await.unwrap();
    // More unreadable events in succession than a consumer reads at once, and one that is not valid UTF-8.
    stage.by_hand("UPDATE events SET event = 'no' WHERE position <= 3");
    stage.by_hand("UPDATE events SET event = CAST(x'ff' AS TEXT) WHERE position = 5");
    for consumer in [Consumer::Mail, Consumer::Audit] {
        assert_eq!(stage.next(consumer).await, [(4, "d".to_owned())]);
        stage.store.acknowledge(consumer, 4).await.unwrap();
        assert_eq!(stage.store.lag(consumer).await.unwrap(), 0);
    }
    let told: Vec<String> = [1, 2, 3, 5].map(|position| format!("unreadable_event events {position} 1")).into();
    assert_eq!(stage.unsent().await, told);
    assert_eq!(stage.put_aside()[3], "events 5 \u{fffd}", "the row is unchanged");
}

#[tokio::test]
async fn page_of_the_event_log_omits_unreadable_events() {
    let stage = Stage::open().await;
    stage.store.publish(&events(&["a", "b", "c"])).await.unwrap();
    stage.by_hand("UPDATE events SET event = '[]' WHERE position = 2");
    for type_name in [None, Some("AUDIT_LOG")] {
        let page = stage.store.list_events(0, type_name, 2).await.unwrap();
        assert_eq!(page.iter().map(|logged| logged.position).collect::<Vec<_>>(), [1, 3]);
    }
}
