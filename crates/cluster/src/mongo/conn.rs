//! Calls of the database, within a transaction or without one. The other files use the driver only through [`Conn`].

use futures_util::TryStreamExt;
use mongodb::{
    ClientSession, Database,
    bson::{Document, Timestamp, deserialize_from_document, doc, serialize_to_document},
    options::ReturnDocument,
};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    fault::{Fault, is_only_duplicates},
    open::CALL_FOR_MAX,
};

/// Number of documents per batch of a cursor. All seats of the largest hall fit into the first batch.
const BATCH_DOCUMENTS: u32 = 6_000;

/// Makes calls of the database; within a transaction if it has a session.
#[derive(Debug)]
pub(super) struct Conn {
    database: Database,
    session: Option<ClientSession>,
    events_written: i64,
}

/// Runs an action of the driver, with the connection's session if it has one.
macro_rules! send {
    ($conn:expr, $name:expr, |$collection:ident| $action:expr) => {{
        let $collection = $conn.database.collection::<Document>($name);
        let action = $action;
        match &mut $conn.session {
            Some(session) => action.session(session).await?,
            None => action.await?,
        }
    }};
}

/// Runs a query that returns a cursor, and collects all documents of the cursor.
macro_rules! collect {
    ($conn:expr, $name:expr, |$collection:ident| $action:expr) => {{
        let $collection = $conn.database.collection::<Document>($name);
        let action = $action;
        let found: Vec<Document> = match &mut $conn.session {
            Some(session) => {
                let mut cursor = action.session(&mut *session).await?;
                cursor.stream(session).try_collect().await?
            }
            None => action.await?.try_collect().await?,
        };
        found.into_iter().map(read).collect()
    }};
}

impl Conn {
    pub(super) fn new(database: Database, session: Option<ClientSession>) -> Self {
        Self { database, session, events_written: 0 }
    }

    pub(super) async fn find<T: DeserializeOwned>(&mut self, name: &str, filter: Document) -> Result<Option<T>, Fault> {
        let found = send!(self, name, |all| all.find_one(filter).max_time(CALL_FOR_MAX));
        found.map(read).transpose()
    }

    pub(super) async fn exists(&mut self, name: &str, filter: Document) -> Result<bool, Fault> {
        let id_only = doc! { "_id": 1 };
        let found = send!(self, name, |all| all.find_one(filter).projection(id_only).max_time(CALL_FOR_MAX));
        Ok(found.is_some())
    }

    pub(super) async fn count(&mut self, name: &str, filter: Document) -> Result<u64, Fault> {
        Ok(send!(self, name, |all| all.count_documents(filter).max_time(CALL_FOR_MAX)))
    }

    /// All matching documents, without a limit: only for queries whose result is bounded by other limits.
    pub(super) async fn list_all<T: DeserializeOwned>(
        &mut self,
        name: &str,
        filter: Document,
    ) -> Result<Vec<T>, Fault> {
        collect!(self, name, |all| all.find(filter).batch_size(BATCH_DOCUMENTS).max_time(CALL_FOR_MAX))
    }

    pub(super) async fn list<T: DeserializeOwned>(
        &mut self,
        name: &str,
        filter: Document,
        order: Document,
        limit: u32,
    ) -> Result<Vec<T>, Fault> {
        // MongoDB treats a limit of 0 as no limit.
        if limit == 0 {
            return Ok(Vec::new());
        }
        let limit = i64::from(limit);
        collect!(self, name, |all| all.find(filter).sort(order).limit(limit).max_time(CALL_FOR_MAX))
    }

    pub(super) async fn aggregate<T: DeserializeOwned>(
        &mut self,
        name: &str,
        pipeline: Vec<Document>,
    ) -> Result<Vec<T>, Fault> {
        collect!(self, name, |all| all.aggregate(pipeline).max_time(CALL_FOR_MAX))
    }

    /// Inserts a document. Fails with [`Fault::Duplicate`] when a document with the same unique key exists.
    pub(super) async fn insert<T: Serialize>(&mut self, name: &str, value: &T) -> Result<(), Fault> {
        let document = serialize_to_document(value)?;
        send!(self, name, |all| all.insert_one(document));
        Ok(())
    }

    /// Inserts documents in this order. After an error the documents before it stay inserted, except within a
    /// transaction.
    pub(super) async fn insert_all<T: Serialize>(&mut self, name: &str, values: &[T]) -> Result<(), Fault> {
        if values.is_empty() {
            return Ok(());
        }
        let documents = values.iter().map(serialize_to_document).collect::<Result<Vec<_>, _>>()?;
        send!(self, name, |all| all.insert_many(documents));
        Ok(())
    }

    /// Inserts a document unless one with the same unique key exists, and returns whether it was inserted. Must not be
    /// used within a transaction, because MongoDB aborts a transaction at a duplicate key.
    pub(super) async fn insert_new<T: Serialize>(&mut self, name: &str, value: &T) -> Result<bool, Fault> {
        debug_assert!(self.session.is_none(), "a second key ends a transaction");
        match self.insert(name, value).await {
            Ok(()) => Ok(true),
            Err(Fault::Duplicate(_)) => Ok(false),
            Err(other) => Err(other),
        }
    }

    /// Inserts those documents whose unique keys do not exist yet. Must not be used within a transaction.
    pub(super) async fn insert_new_ones<T: Serialize>(&mut self, name: &str, values: &[T]) -> Result<(), Fault> {
        debug_assert!(self.session.is_none(), "a second key ends a transaction");
        if values.is_empty() {
            return Ok(());
        }
        let documents = values.iter().map(serialize_to_document).collect::<Result<Vec<_>, _>>()?;
        // Unordered, so that a duplicate key does not prevent the insertion of the documents after it.
        match self.database.collection::<Document>(name).insert_many(documents).ordered(false).await {
            Ok(_) => Ok(()),
            Err(error) if is_only_duplicates(&error) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Updates the first matching document, and returns whether there was one.
    pub(super) async fn update(&mut self, name: &str, filter: Document, change: Document) -> Result<bool, Fault> {
        Ok(send!(self, name, |all| all.update_one(filter, change)).matched_count == 1)
    }

    /// Updates all matching documents, and returns their number.
    pub(super) async fn update_all(&mut self, name: &str, filter: Document, change: Document) -> Result<u64, Fault> {
        Ok(send!(self, name, |all| all.update_many(filter, change)).matched_count)
    }

    pub(super) async fn upsert(&mut self, name: &str, filter: Document, change: Document) -> Result<(), Fault> {
        send!(self, name, |all| all.update_one(filter, change).upsert(true));
        Ok(())
    }

    /// Updates the first matching document and returns the document after the update.
    pub(super) async fn change<T: DeserializeOwned>(
        &mut self,
        name: &str,
        filter: Document,
        order: Document,
        change: Document,
    ) -> Result<Option<T>, Fault> {
        let after = ReturnDocument::After;
        send!(self, name, |all| all.find_one_and_update(filter, change).sort(order).return_document(after))
            .map(read)
            .transpose()
    }

    /// Deletes one matching document and returns it.
    pub(super) async fn take<T: DeserializeOwned>(&mut self, name: &str, filter: Document) -> Result<Option<T>, Fault> {
        send!(self, name, |all| all.find_one_and_delete(filter)).map(read).transpose()
    }

    /// Deletes all matching documents, and returns their number.
    pub(super) async fn delete(&mut self, name: &str, filter: Document) -> Result<u64, Fault> {
        Ok(send!(self, name, |all| all.delete_many(filter)).deleted_count)
    }

    /// The cluster time of the last reply in this transaction.
    pub(super) fn cluster_time(&self) -> Result<Timestamp, Fault> {
        let clock = self.session.as_ref().and_then(ClientSession::cluster_time);
        let clock =
            clock.ok_or(Fault::Broken("no cluster time: outside of a transaction, or before its first call"))?;
        let time = serialize_to_document(clock)?.get_timestamp("clusterTime");
        time.map_err(|_| Fault::Broken("the cluster time is missing"))
    }

    /// The sort key of the next event that this transaction writes: see [`super::outbox`].
    pub(super) fn next_sort_key(&mut self) -> Result<(Timestamp, i64), Fault> {
        let time = self.cluster_time()?;
        self.events_written += 1;
        Ok((time, self.events_written))
    }

    pub(super) async fn commit(&mut self) -> Result<(), Fault> {
        match &mut self.session {
            Some(session) => Ok(session.commit_transaction().await?),
            None => Ok(()),
        }
    }

    pub(super) async fn abort(&mut self) -> Result<(), Fault> {
        match &mut self.session {
            Some(session) => Ok(session.abort_transaction().await?),
            None => Ok(()),
        }
    }
}

fn read<T: DeserializeOwned>(document: Document) -> Result<T, Fault> {
    Ok(deserialize_from_document(document)?)
}
