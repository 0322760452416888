//! Stores for tests, each with its own database.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use mongodb::{
    Client,
    bson::{Document, doc},
};
use seatkeeper_cluster::mongo::MongoStore;
use seatkeeper_testbed::{MongoServer, shared_mongo_url};
use seatkeeper_testing::StoreFixture;
use uuid::Uuid;

/// A unique database name.
pub(crate) fn fresh_name() -> String {
    format!("test_{}", Uuid::new_v4().simple())
}

/// Opens stores on the server that all tests share.
pub(crate) struct Databases;

#[async_trait]
impl StoreFixture for Databases {
    type Store = MongoStore;

    async fn open_empty(&self) -> Arc<MongoStore> {
        Arc::new(MongoStore::open(&shared_mongo_url(&fresh_name()).await).await.unwrap())
    }
}

/// A private MongoDB server whose commands can be made to fail.
pub(crate) struct OwnServer {
    pub(crate) server: MongoServer,
    url: String,
}

impl OwnServer {
    pub(crate) async fn start() -> Self {
        let server = MongoServer::start().await;
        let url = server.url(&fresh_name());
        Self { server, url }
    }

    /// Opens another store on the same database, as another server would.
    pub(crate) async fn open(&self) -> Arc<MongoStore> {
        Arc::new(MongoStore::open(&self.url).await.unwrap())
    }

    /// Makes the server fail those commands that `data` names, as often as `mode` says.
    pub(crate) async fn fail(&self, mode: Document, data: Document) {
        self.set_fail_point(doc! { "configureFailPoint": "failCommand", "mode": mode, "data": data }).await;
    }

    /// Makes the server delay the commands of these names by `by`.
    pub(crate) async fn slow_down(&self, commands: &[&str], by: Duration) {
        let by_ms = i32::try_from(by.as_millis()).unwrap();
        let data = doc! { "failCommands": commands, "blockConnection": true, "blockTimeMS": by_ms };
        self.set_fail_point(doc! { "configureFailPoint": "failCommand", "mode": "alwaysOn", "data": data }).await;
    }

    /// Ends the failures and delays.
    pub(crate) async fn mend(&self) {
        self.set_fail_point(doc! { "configureFailPoint": "failCommand", "mode": "off" }).await;
    }

    async fn set_fail_point(&self, command: Document) {
        let admin = Client::with_uri_str(&self.url).await.unwrap().database("admin");
        admin.run_command(command).await.unwrap();
    }
}
