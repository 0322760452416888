//! The schema version of the database, and programs of different versions on the same database.

use mongodb::{
    Client,
    bson::{Document, doc},
};
use seatkeeper_cluster::mongo::{MongoStore, OpenError, SCHEMA_OLDEST_PROGRAM, SCHEMA_VERSION};
use seatkeeper_core::ports::{Ledger, Outbox, Programme, ProgrammeChange};
use seatkeeper_testbed::shared_mongo_url;
use seatkeeper_testing::sample_now;
use tokio::task::JoinSet;

use crate::{cinema::Cinema, stores::fresh_name};

async fn set_version(url: &str, name: &str, version: i64, oldest_program: i64) {
    let database = Client::with_uri_str(url).await.unwrap().database(name);
    let newer = doc! { "$set": { "version": version, "oldest_program": oldest_program } };
    let updated = database.collection::<Document>("schema").update_one(doc! { "_id": "schema" }, newer).await.unwrap();
    assert_eq!(updated.matched_count, 1);
}

#[tokio::test]
async fn database_of_a_newer_schema_is_refused_unless_it_is_marked_as_compatible() {
    let name = fresh_name();
    let url = shared_mongo_url(&name).await;
    drop(MongoStore::open(&url).await.unwrap());
    drop(MongoStore::open(&url).await.unwrap());
    set_version(&url, &name, SCHEMA_VERSION + 1, SCHEMA_VERSION + 1).await;
    let refused = MongoStore::open(&url).await.unwrap_err();
    assert!(matches!(refused, OpenError::TooNew { needed, .. } if needed == SCHEMA_VERSION + 1), "{refused}");
    set_version(&url, &name, SCHEMA_VERSION + 1, SCHEMA_OLDEST_PROGRAM).await;
    MongoStore::open(&url).await.unwrap();
    let database = Client::with_uri_str(&url).await.unwrap().database(&name);
    let kept = database.collection::<Document>("schema").find_one(doc! {}).await.unwrap().unwrap();
    assert_eq!(kept.get_i64("version").ok(), Some(SCHEMA_VERSION + 1), "an older program does not lower the version");
}

#[tokio::test(flavor = "multi_thread")]
async fn several_servers_can_start_concurrently_on_an_empty_database() {
    let url = shared_mongo_url(&fresh_name()).await;
    let mut servers = JoinSet::new();
    for _ in 0..4 {
        let url = url.clone();
        servers.spawn(async move { MongoStore::open(&url).await.unwrap() });
    }
    let servers = servers.join_all().await;
    let cinema = Cinema::open(&servers[0]).await;
    assert!(servers[1].find_screening(cinema.screening.id).await.unwrap().is_some());
}

#[tokio::test]
async fn unknown_fields_of_documents_of_a_newer_program_are_ignored_and_preserved() {
    let name = fresh_name();
    let url = shared_mongo_url(&name).await;
    let store = MongoStore::open(&url).await.unwrap();
    let cinema = Cinema::open(&store).await;
    let payment = cinema.confirming(&store, "A1").await.unwrap();
    let database = Client::with_uri_str(&url).await.unwrap().database(&name);
    let collections = ["movies", "halls", "screenings", "payments", "seats", "outbox"];
    let mut marked = Vec::new();
    for name in collections {
        let news = doc! { "$set": { "news": "of version 2" } };
        let updated = database.collection::<Document>(name).update_many(doc! {}, news).await.unwrap();
        assert!(updated.matched_count > 0, "{name}");
        marked.push((name, updated.matched_count));
    }
    store.commit_booking(&cinema.sale_of(&payment), sample_now()).await.unwrap();
    for change in [
        ProgrammeChange::PutMovie(cinema.movie.clone(), 1),
        ProgrammeChange::PutHall(cinema.hall.clone(), 1),
        ProgrammeChange::PutScreening(cinema.screening.clone(), 1),
    ] {
        cinema.change(&store, change).await.unwrap();
    }
    assert_eq!(store.find_screening(cinema.screening.id).await.unwrap(), Some((cinema.screening.clone(), 2)));
    assert!(store.count_unsent().await.unwrap() > 0);
    for (name, count) in marked {
        let collection = database.collection::<Document>(name);
        let kept = collection.count_documents(doc! { "news": { "$exists": true } }).await.unwrap();
        assert_eq!(kept, count, "{name} lost unknown fields");
    }
}
