//! A conversation with the database, within a transaction or without: the only words that the other files use.

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

/// Documents of one answer's first piece: the seats of the largest hall come in one.
const BATCH_DOCUMENTS: u32 = 6_000;

/// Calls, within a transaction if there is a session.
#[derive(Debug)]
pub(super) struct Conn {
    database: Database,
    session: Option<ClientSession>,
    events_told: i64,
}

/// Sends an action of the driver with the session, if there is one.
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

/// The same for what answers many documents.
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
        Self { database, session, events_told: 0 }
    }

    /// The document that fits, if there is one.
    pub(super) async fn find<T: DeserializeOwned>(&mut self, name: &str, filter: Document) -> Result<Option<T>, Fault> {
        let found = send!(self, name, |all| all.find_one(filter).max_time(CALL_FOR_MAX));
        found.map(read).transpose()
    }

    /// Whether any document fits.
    pub(super) async fn exists(&mut self, name: &str, filter: Document) -> Result<bool, Fault> {
        let id_only = doc! { "_id": 1 };
        let found = send!(self, name, |all| all.find_one(filter).projection(id_only).max_time(CALL_FOR_MAX));
        Ok(found.is_some())
    }

    /// How many documents fit.
    pub(super) async fn count(&mut self, name: &str, filter: Document) -> Result<u64, Fault> {
        Ok(send!(self, name, |all| all.count_documents(filter).max_time(CALL_FOR_MAX)))
    }

    /// All documents that fit, however many: only for what has a limit of its own.
    pub(super) async fn list_all<T: DeserializeOwned>(
        &mut self,
        name: &str,
        filter: Document,
    ) -> Result<Vec<T>, Fault> {
        collect!(self, name, |all| all.find(filter).batch_size(BATCH_DOCUMENTS).max_time(CALL_FOR_MAX))
    }

    /// The first documents that fit, in an order.
    pub(super) async fn list<T: DeserializeOwned>(
        &mut self,
        name: &str,
        filter: Document,
        order: Document,
        limit: u32,
    ) -> Result<Vec<T>, Fault> {
        // To the server 0 means all.
        if limit == 0 {
            return Ok(Vec::new());
        }
        let limit = i64::from(limit);
        collect!(self, name, |all| all.find(filter).sort(order).limit(limit).max_time(CALL_FOR_MAX))
    }

    /// What a pipeline makes of a collection.
    pub(super) async fn aggregate<T: DeserializeOwned>(
        &mut self,
        name: &str,
        pipeline: Vec<Document>,
    ) -> Result<Vec<T>, Fault> {
        collect!(self, name, |all| all.aggregate(pipeline).max_time(CALL_FOR_MAX))
    }

    /// Adds a document. A second one under its key is [`Fault::Duplicate`].
    pub(super) async fn insert<T: Serialize>(&mut self, name: &str, value: &T) -> Result<(), Fault> {
        let document = serialize_to_document(value)?;
        send!(self, name, |all| all.insert_one(document));
        Ok(())
    }

    /// Adds documents in their order, or none.
    pub(super) async fn insert_all<T: Serialize>(&mut self, name: &str, values: &[T]) -> Result<(), Fault> {
        if values.is_empty() {
            return Ok(());
        }
        let documents = values.iter().map(serialize_to_document).collect::<Result<Vec<_>, _>>()?;
        send!(self, name, |all| all.insert_many(documents));
        Ok(())
    }

    /// Adds a document unless its key is there; whether it was added. Not within a transaction, which a second key
    /// would end.
    pub(super) async fn insert_new<T: Serialize>(&mut self, name: &str, value: &T) -> Result<bool, Fault> {
        debug_assert!(self.session.is_none(), "a second key ends a transaction");
        match self.insert(name, value).await {
            Ok(()) => Ok(true),
            Err(Fault::Duplicate(_)) => Ok(false),
            Err(other) => Err(other),
        }
    }

    /// Adds those documents whose keys are not there. Not within a transaction.
    pub(super) async fn insert_new_ones<T: Serialize>(&mut self, name: &str, values: &[T]) -> Result<(), Fault> {
        debug_assert!(self.session.is_none(), "a second key ends a transaction");
        if values.is_empty() {
            return Ok(());
        }
        let documents = values.iter().map(serialize_to_document).collect::<Result<Vec<_>, _>>()?;
        // In no order: one that is there already does not stop the others.
        match self.database.collection::<Document>(name).insert_many(documents).ordered(false).await {
            Ok(_) => Ok(()),
            Err(error) if is_only_duplicates(&error) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Changes the document that fits; whether there was one.
    pub(super) async fn update(&mut self, name: &str, filter: Document, change: Document) -> Result<bool, Fault> {
        Ok(send!(self, name, |all| all.update_one(filter, change)).matched_count == 1)
    }

    /// Changes all documents that fit, and says how many there were.
    pub(super) async fn update_all(&mut self, name: &str, filter: Document, change: Document) -> Result<u64, Fault> {
        Ok(send!(self, name, |all| all.update_many(filter, change)).matched_count)
    }

    /// Changes the document that fits, or makes it.
    pub(super) async fn upsert(&mut self, name: &str, filter: Document, change: Document) -> Result<(), Fault> {
        send!(self, name, |all| all.update_one(filter, change).upsert(true));
        Ok(())
    }

    /// Changes the first document that fits and answers what has become of it.
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

    /// Takes away the document that fits and answers it.
    pub(super) async fn take<T: DeserializeOwned>(&mut self, name: &str, filter: Document) -> Result<Option<T>, Fault> {
        send!(self, name, |all| all.find_one_and_delete(filter)).map(read).transpose()
    }

    /// Takes away all documents that fit, and says how many there were.
    pub(super) async fn delete(&mut self, name: &str, filter: Document) -> Result<u64, Fault> {
        Ok(send!(self, name, |all| all.delete_many(filter)).deleted_count)
    }

    /// The cluster's own clock, as of the last answer in this transaction.
    pub(super) fn cluster_time(&self) -> Result<Timestamp, Fault> {
        let clock = self.session.as_ref().and_then(ClientSession::cluster_time);
        let clock = clock.ok_or(Fault::Broken("the time outside of a transaction, or before its first look"))?;
        let time = serialize_to_document(clock)?.get_timestamp("clusterTime");
        time.map_err(|_| Fault::Broken("a cluster without a clock"))
    }

    /// The place of the next event of this transaction: see [`super::outbox`].
    pub(super) fn next_place(&mut self) -> Result<(Timestamp, i64), Fault> {
        let time = self.cluster_time()?;
        self.events_told += 1;
        Ok((time, self.events_told))
    }

    /// Makes what was written last, on a majority.
    pub(super) async fn commit(&mut self) -> Result<(), Fault> {
        match &mut self.session {
            Some(session) => Ok(session.commit_transaction().await?),
            None => Ok(()),
        }
    }

    /// Takes back what was written.
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
