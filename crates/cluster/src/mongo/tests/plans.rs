//! Checks that every list and report uses an index and never scans a whole collection that grows.

use std::{collections::BTreeSet, sync::Arc};

use mongodb::{
    bson::{Bson, Document, doc},
    event::{EventHandler, command::CommandEvent},
};
use parking_lot::Mutex;
use seatkeeper_core::{
    booking::BookingStatus,
    ids::{HallId, MovieId, PersonId, ScreeningId},
    ports::{
        AuditFilter, AuditKept, AuditLog, BookingFilter, Consumer, Cursor, DeadLetters, EventLog, Ledger, MailQueue,
        MailStatus, Outbox, PageRequest, Programme, Sales, ScreeningFilter, Sessions,
    },
};
use seatkeeper_testbed::shared_mongo_url;
use seatkeeper_testing::sample_now;
use uuid::Uuid;

use crate::mongo::{MongoStore, open, schema};

const FIRST: PageRequest = PageRequest::FIRST;
/// The stage of a query plan that scans the whole collection.
const READS_ALL: &str = "COLLSCAN";

/// A store that records the queries that it sends.
struct Heard {
    store: MongoStore,
    sent: Arc<Mutex<Vec<Document>>>,
    /// Whether the server is the tests' stand-in for MongoDB, whose planner uses no index for `$or`, `$and` and
    /// pipelines.
    is_stand_in: bool,
    /// Number of the query plans that used an expected index.
    seen: u32,
}

impl Heard {
    async fn open() -> Self {
        let url = shared_mongo_url(&format!("test_{}", Uuid::new_v4().simple())).await;
        let mut options = open::options_of(&url).await.unwrap();
        let sent = Arc::<Mutex<Vec<Document>>>::default();
        let ear = Arc::clone(&sent);
        options.command_event_handler = Some(EventHandler::callback(move |event| {
            if let CommandEvent::Started(started) = event {
                ear.lock().push(started.command);
            }
        }));
        let database = open::connect(options).await.unwrap();
        schema::set_up(&database).await.unwrap();
        let hello = database.run_command(doc! { "hello": 1 }).await.unwrap();
        let is_stand_in = hello.get_str("setName").is_ok_and(|name| name == "secantus");
        Self { store: MongoStore::over(database).await.unwrap(), sent, is_stand_in, seen: 0 }
    }

    /// Asserts that each query that `call` sends uses one of these indexes or the primary key.
    async fn listen<T>(&mut self, what: &str, indexes: &[&str], call: impl AsyncFn(&MongoStore) -> T) {
        self.sent.lock().clear();
        call(&self.store).await;
        let mut queries: Vec<Document> = std::mem::take(&mut *self.sent.lock());
        queries.retain(|query| query.contains_key("find") || query.contains_key("aggregate"));
        assert!(!queries.is_empty(), "{what} sent no query");
        let mut there = BTreeSet::new();
        for query in queries {
            let name = query.get_str("find").or_else(|_| query.get_str("aggregate")).unwrap().to_owned();
            there.extend(self.store.database.collection::<Document>(&name).list_index_names().await.unwrap());
            let plan = self.explain(query).await;
            let is_good = plan.iter().all(|used| used == "_id_" || indexes.contains(&used.as_str()));
            let is_hidden = self.is_stand_in && plan.contains(READS_ALL);
            assert!(is_good && !plan.is_empty() || is_hidden, "{what}: {name} is read by {plan:?}");
            self.seen += u32::from(is_good);
        }
        assert!(
            indexes.iter().all(|index| there.contains(*index)),
            "{what}: expected indexes {indexes:?}, found {there:?}"
        );
    }

    async fn explain(&self, mut query: Document) -> BTreeSet<String> {
        for field in ["$db", "lsid", "$clusterTime", "$readPreference", "readConcern", "writeConcern"] {
            query.remove(field);
        }
        let explain = doc! { "explain": query, "verbosity": "queryPlanner" };
        let mut plan = BTreeSet::new();
        read_plan(&Bson::Document(self.store.database.run_command(explain).await.unwrap()), &mut plan);
        plan
    }
}

/// Collects the names of the indexes that a winning plan uses, and [`READS_ALL`] if it scans a whole collection.
fn read_plan(part: &Bson, plan: &mut BTreeSet<String>) {
    match part {
        Bson::Document(fields) => {
            match (fields.get_str("stage"), fields.get_str("indexName")) {
                (Ok(READS_ALL), _) => drop(plan.insert(READS_ALL.to_owned())),
                (Ok("IDHACK"), _) => drop(plan.insert("_id_".to_owned())),
                (Ok(_), Ok(index)) => drop(plan.insert(index.to_owned())),
                _ => {}
            }
            let of_the_winner = |name: &str| name != "rejectedPlans" && name != "executionStats" && name != "command";
            fields.iter().filter(|(name, _)| of_the_winner(name)).for_each(|(_, part)| read_plan(part, plan));
        }
        Bson::Array(parts) => parts.iter().for_each(|part| read_plan(part, plan)),
        _ => {}
    }
}

#[tokio::test]
async fn queries_for_pending_work_use_partial_indexes() {
    let (mut heard, now, relay) = (Heard::open().await, sample_now(), Uuid::from_u128(1));
    heard.store.take_relay_lease(relay, now, now).await.unwrap();
    heard.listen("unsent", &["unsent"], async |store| store.list_unsent(relay, 9).await.unwrap()).await;
    heard.listen("whether any wait", &["unsent"], async |store| store.has_unsent().await.unwrap()).await;
    heard.listen("how many", &["unsent"], async |store| store.count_unsent().await.unwrap()).await;
    heard.listen("old", &["sent"], async |store| store.take_relay_lease(relay, now, now).await.unwrap()).await;
    heard.listen("unfinished", &["unfinished"], async |store| store.list_unfinished(now, None, 9).await.unwrap()).await;
    heard.listen("ended", &["by_time"], async |store| store.list_ended_since(now, 9).await.unwrap()).await;
    heard.listen("revision", &[], async |store| store.revision().await.unwrap()).await;
    heard.listen("next", &["by_position"], async |store| store.list_next(Consumer::Mail, 9).await.unwrap()).await;
    heard.listen("lag", &["by_position"], async |store| store.lag(Consumer::Mail).await.unwrap()).await;
    assert!(heard.seen >= 8, "{} plans were seen", heard.seen);
}

#[tokio::test]
async fn pages_of_bookings_and_reports_use_indexes() {
    let (mut heard, now) = (Heard::open().await, sample_now());
    let (person, movie) = (PersonId::from_uuid(Uuid::nil()), MovieId::from_uuid(Uuid::nil()));
    let all = BookingFilter::default();
    let of_movie = BookingFilter { movie_id: Some(movie), ..all.clone() };
    let of_screening = BookingFilter { screening_id: Some(ScreeningId::from_uuid(Uuid::nil())), ..all.clone() };
    let sold = BookingFilter { sold: Some((now, now)), status: Some(BookingStatus::Confirmed), ..all.clone() };
    let shown = BookingFilter { shown: Some((now, now)), ..all.clone() };
    let with_text = BookingFilter { text: Some("ann".to_owned()), ..all.clone() };
    heard.listen("own", &["by_person"], async |store| store.list_bookings_of(person, FIRST).await.unwrap()).await;
    for (index, filter) in
        [("by_time", &all), ("by_movie", &of_movie), ("by_screening", &of_screening), ("by_time", &with_text)]
    {
        heard.listen("bookings", &[index], async |store| store.list_bookings(filter, FIRST).await.unwrap()).await;
    }
    let next = PageRequest { after: Some(Cursor { at: 7, id: Uuid::nil() }), limit: 9 };
    heard.listen("next page", &["by_time"], async |store| store.list_bookings(&all, next).await.unwrap()).await;
    heard.listen("sold then", &["by_time"], async |store| store.sum_bookings(&sold).await.unwrap()).await;
    heard.listen("shown then", &["by_show"], async |store| store.sum_bookings(&shown).await.unwrap()).await;
    heard.listen("by time", &["by_time"], async |store| store.list_sales(now, now).await.unwrap()).await;
    let of_films = ["by_time", "by_start"];
    heard.listen("by film", &of_films, async |store| store.list_movie_sales(now, now).await.unwrap()).await;
    assert!(heard.seen >= 4, "{} plans were seen", heard.seen);
}

#[tokio::test]
async fn queries_of_seats_screenings_and_logs_use_indexes() {
    let (mut heard, now) = (Heard::open().await, sample_now());
    let (person, movie) = (PersonId::from_uuid(Uuid::nil()), MovieId::from_uuid(Uuid::nil()));
    let screening = ScreeningId::from_uuid(Uuid::nil());
    heard.listen("seats", &["by_screening"], async |store| store.seat_truth(screening, now).await.unwrap()).await;
    heard.listen("taken", &["by_screening"], async |store| store.count_taken(&[screening], now).await.unwrap()).await;
    heard.listen("sold", &["by_screening"], async |store| store.count_sold(&[screening]).await.unwrap()).await;
    let to_come = ScreeningFilter { from: Some(now), ..ScreeningFilter::default() };
    let shows = ScreeningFilter { movies: Some(vec![movie]), ..to_come.clone() };
    heard.listen("to come", &["by_start"], async |store| store.list_screenings(&to_come, FIRST).await.unwrap()).await;
    heard.listen("ids", &["by_start"], async |store| store.list_screening_ids(&to_come, FIRST).await.unwrap()).await;
    heard.listen("whole", &[], async |store| store.find_screenings(&[screening]).await.unwrap()).await;
    heard.listen("names", &[], async |store| store.list_screening_names(&[screening]).await.unwrap()).await;
    let either = ["by_movie", "by_start"];
    let in_hall = ScreeningFilter { hall: Some(HallId::from_uuid(Uuid::nil())), ..to_come.clone() };
    let by_hall = ["by_hall", "by_start"];
    heard.listen("in a hall", &by_hall, async |store| store.list_screenings(&in_hall, FIRST).await.unwrap()).await;
    heard.listen("shows", &either, async |store| store.list_screenings(&shows, FIRST).await.unwrap()).await;
    let of_type = AuditFilter { type_name: Some("AUDIT_LOG".to_owned()), ..AuditFilter::default() };
    let of_actor = AuditFilter { actor: Some(person), ..AuditFilter::default() };
    for (index, filter) in [("by_time", AuditFilter::default()), ("by_type", of_type), ("by_actor", of_actor)] {
        heard.listen("audit", &[index], async |store| store.list_audit(&filter, FIRST).await.unwrap()).await;
    }
    let kept = AuditKept { released_from: now, refused_from: now };
    heard.listen("old", &["by_type"], async |store| store.forget_audit(&kept).await.unwrap()).await;
    heard.listen("mails", &["by_time"], async |store| store.list_mails(None, FIRST).await.unwrap()).await;
    let failed = Some(MailStatus::Failed);
    heard.listen("failed", &["by_status"], async |store| store.list_mails(failed, FIRST).await.unwrap()).await;
    heard.listen("letters", &["by_time"], async |store| store.list_dead_letters(FIRST).await.unwrap()).await;
    heard.listen("events", &["by_position"], async |store| store.list_events(7, None, 9).await.unwrap()).await;
    let audit = Some("AUDIT_LOG");
    heard.listen("of a type", &["by_type"], async |store| store.list_events(7, audit, 9).await.unwrap()).await;
    assert!(heard.seen >= 8, "{} plans were seen", heard.seen);
}
