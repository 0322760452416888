//! Stores for tests, each with a database of its own.

use std::sync::Arc;

use async_trait::async_trait;
use seatkeeper_cluster::mongo::MongoStore;
use seatkeeper_core::testing::StoreFixture;
use seatkeeper_testbed::shared_mongo_url;
use uuid::Uuid;

/// Where an empty database is, on the shared server.
pub(crate) async fn empty_url() -> String {
    shared_mongo_url(&format!("test_{}", Uuid::new_v4().simple())).await
}

/// Opens stores on the shared server.
pub(crate) struct Databases;

#[async_trait]
impl StoreFixture for Databases {
    type Store = MongoStore;

    async fn open_empty(&self) -> Arc<MongoStore> {
        Arc::new(MongoStore::open(&empty_url().await).await.unwrap())
    }
}
