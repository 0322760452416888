//! The collections and indexes, created at startup so that no transaction creates them implicitly, and the schema
//! version, because of which an older program refuses an incompatible database.

use mongodb::{
    Database, IndexModel,
    bson::{Document, doc},
    error::{Error, ErrorKind},
    options::IndexOptions,
};
use serde::{Deserialize, Serialize};

use super::{conn::Conn, open::OpenError};

/// The version of the schema of the documents that this program writes.
pub const SCHEMA_VERSION: i64 = 1;
/// The schema version of the oldest program that can use these documents. A new field does not raise it: programs
/// ignore unknown fields and update single fields, so servers of two versions may run side by side. A changed meaning
/// of a field raises it.
pub const SCHEMA_OLDEST_PROGRAM: i64 = 1;

pub(super) const AUDIT: &str = "audit";
pub(super) const BOOKINGS: &str = "bookings";
pub(super) const CONSUMERS: &str = "consumers";
pub(super) const COUNTERS: &str = "counters";
pub(super) const DEAD_LETTERS: &str = "dead_letters";
pub(super) const ENDED_SESSIONS: &str = "ended_sessions";
pub(super) const EVENTS: &str = "events";
pub(super) const GUARDS: &str = "guards";
pub(super) const HALLS: &str = "halls";
pub(super) const LEASES: &str = "leases";
pub(super) const MAILS: &str = "mails";
pub(super) const MOCK_BOOK: &str = "mock_book";
pub(super) const MOVIES: &str = "movies";
pub(super) const OUTBOX: &str = "outbox";
pub(super) const PAYMENTS: &str = "payments";
pub(super) const PENDING_ADMINS: &str = "pending_admins";
pub(super) const PEOPLE: &str = "people";
pub(super) const POSTERS: &str = "posters";
pub(super) const RESERVATIONS: &str = "reservations";
pub(super) const SCHEMA: &str = "schema";
pub(super) const SCREENINGS: &str = "screenings";
pub(super) const SEATS: &str = "seats";
pub(super) const SESSIONS: &str = "sessions";
pub(super) const SIGN_INS: &str = "sign_ins";
pub(super) const UNREADABLE_EVENTS: &str = "unreadable_events";

const COLLECTIONS: [&str; 25] = [
    AUDIT,
    BOOKINGS,
    CONSUMERS,
    COUNTERS,
    DEAD_LETTERS,
    ENDED_SESSIONS,
    EVENTS,
    GUARDS,
    HALLS,
    LEASES,
    MAILS,
    MOCK_BOOK,
    MOVIES,
    OUTBOX,
    PAYMENTS,
    PENDING_ADMINS,
    PEOPLE,
    POSTERS,
    RESERVATIONS,
    SCHEMA,
    SCREENINGS,
    SEATS,
    SESSIONS,
    SIGN_INS,
    UNREADABLE_EVENTS,
];

/// MongoDB's error code for creating a collection that already exists.
const NAMESPACE_EXISTS: i32 = 48;

/// An index of a collection. Query plans show the index by its name, so a name must never be reused for another index.
struct Index {
    collection: &'static str,
    name: &'static str,
    keys: Document,
    is_unique: bool,
    only: Option<Document>,
}

impl Index {
    fn of(collection: &'static str, name: &'static str, keys: Document) -> Self {
        Self { collection, name, keys, is_unique: false, only: None }
    }

    fn unique(collection: &'static str, name: &'static str, keys: Document) -> Self {
        Self { is_unique: true, ..Self::of(collection, name, keys) }
    }

    /// A partial index, which contains only the few documents that match `only`.
    fn only(collection: &'static str, name: &'static str, keys: Document, only: Document) -> Self {
        Self { only: Some(only), ..Self::of(collection, name, keys) }
    }

    fn model(self) -> IndexModel {
        let mut options = IndexOptions::builder().name(self.name.to_owned()).build();
        options.unique = self.is_unique.then_some(true);
        options.partial_filter_expression = self.only;
        IndexModel::builder().keys(self.keys).options(options).build()
    }
}

fn indexes() -> Vec<Index> {
    vec![
        Index::of(SCREENINGS, "by_start", doc! { "start_time": 1, "_id": 1 }),
        Index::of(SCREENINGS, "by_movie", doc! { "movie_id": 1, "start_time": 1, "_id": 1 }),
        Index::of(SCREENINGS, "by_hall", doc! { "hall_id": 1, "start_time": 1 }),
        Index::unique(PEOPLE, "by_identity", doc! { "issuer": 1, "subject": 1 }),
        Index::only(
            PEOPLE,
            "by_role_change",
            doc! { "role_changed_at": 1, "_id": 1 },
            doc! { "role_changed_at": { "$gt": 0i64 } },
        ),
        Index::of(SESSIONS, "by_seen", doc! { "seen_at": 1 }),
        Index::of(SESSIONS, "by_created", doc! { "created_at": 1 }),
        Index::of(ENDED_SESSIONS, "by_time", doc! { "ended_at": 1, "_id": 1 }),
        Index::of(SIGN_INS, "by_time", doc! { "created_at": 1 }),
        // Both fields are immutable, so a scan of a screening's seats returns each seat once.
        Index::of(SEATS, "by_screening", doc! { "_id.screening_id": 1, "_id.seat_id": 1 }),
        Index::only(SEATS, "claimed_by_person", doc! { "person_id": 1 }, doc! { "state": "CLAIMED" }),
        Index::of(GUARDS, "by_screening", doc! { "_id.screening_id": 1 }),
        Index::only(PAYMENTS, "unfinished", doc! { "created_at": 1, "_id": 1 }, doc! { "is_unfinished": true }),
        Index::unique(BOOKINGS, "by_code", doc! { "code": 1 }),
        Index::unique(BOOKINGS, "by_payment", doc! { "payment_id": 1 }),
        Index::of(BOOKINGS, "by_time", doc! { "created_at": -1, "_id": -1 }),
        Index::of(BOOKINGS, "by_person", doc! { "person_id": 1, "created_at": -1, "_id": -1 }),
        Index::of(BOOKINGS, "by_screening", doc! { "screening_id": 1, "created_at": -1, "_id": -1 }),
        Index::of(BOOKINGS, "by_movie", doc! { "movie_id": 1, "created_at": -1, "_id": -1 }),
        Index::of(BOOKINGS, "by_show", doc! { "start_time": 1 }),
        Index::of(RESERVATIONS, "by_time", doc! { "created_at": 1 }),
        Index::only(OUTBOX, "unsent", doc! { "written": 1, "nth": 1 }, doc! { "is_sent": false }),
        Index::only(OUTBOX, "sent", doc! { "at": 1 }, doc! { "is_sent": true }),
        Index::unique(EVENTS, "by_position", doc! { "position": 1 }),
        Index::of(EVENTS, "by_time", doc! { "at": 1 }),
        Index::of(EVENTS, "by_type", doc! { "type": 1, "position": 1 }),
        Index::unique(MAILS, "by_event", doc! { "event_id": 1 }),
        Index::only(MAILS, "due", doc! { "due_at": 1, "_id": 1 }, doc! { "status": "PENDING" }),
        Index::only(MAILS, "sent", doc! { "created_at": 1, "_id": 1 }, doc! { "status": "SENT" }),
        Index::of(MAILS, "by_time", doc! { "created_at": -1, "_id": -1 }),
        Index::of(MAILS, "by_status", doc! { "status": 1, "created_at": -1, "_id": -1 }),
        Index::of(AUDIT, "by_time", doc! { "at": -1, "_id": -1 }),
        Index::of(AUDIT, "by_type", doc! { "type": 1, "at": -1, "_id": -1 }),
        Index::of(AUDIT, "by_actor", doc! { "actor": 1, "at": -1, "_id": -1 }),
        Index::unique(DEAD_LETTERS, "by_event", doc! { "consumer": 1, "event_id": 1 }),
        Index::of(DEAD_LETTERS, "by_time", doc! { "at": -1, "_id": -1 }),
    ]
}

/// Creates missing collections and indexes. Idempotent, and safe when several servers do it concurrently.
pub(super) async fn set_up(database: &Database) -> Result<(), OpenError> {
    check_version(database).await?;
    let there = database.list_collection_names().await?;
    for name in COLLECTIONS.into_iter().filter(|name| !there.iter().any(|there| there == name)) {
        match database.create_collection(name).await {
            Err(error) if !is_there_already(&error) => return Err(error.into()),
            _ => {}
        }
    }
    let mut indexes = indexes();
    for name in COLLECTIONS {
        let models: Vec<_> = indexes.extract_if(.., |index| index.collection == name).map(Index::model).collect();
        if !models.is_empty() {
            database.collection::<Document>(name).create_indexes(models).await?;
        }
    }
    Ok(())
}

fn is_there_already(error: &Error) -> bool {
    matches!(&*error.kind, ErrorKind::Command(error) if error.code == NAMESPACE_EXISTS)
}

/// The stored schema version.
#[derive(Serialize, Deserialize)]
struct Version {
    #[serde(rename = "_id")]
    id: String,
    version: i64,
    oldest_program: i64,
}

async fn check_version(database: &Database) -> Result<(), OpenError> {
    let mut conn = Conn::new(database.clone(), None);
    let own = Version { id: "schema".to_owned(), version: SCHEMA_VERSION, oldest_program: SCHEMA_OLDEST_PROGRAM };
    conn.insert_new(SCHEMA, &own).await?;
    let found: Option<Version> = conn.find(SCHEMA, doc! { "_id": &own.id }).await?;
    match found {
        Some(Version { oldest_program: needed, .. }) if needed > SCHEMA_VERSION => {
            Err(OpenError::TooNew { needed, known: SCHEMA_VERSION })
        }
        _ => Ok(()),
    }
}
