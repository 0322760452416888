//! Stored events that cannot be deserialized because they are damaged or come from another version of the program. Each
//! is moved unchanged to a quarantine collection and reported by one event, so that it blocks neither the relay nor a
//! consumer nor a list.

use futures_util::FutureExt;
use jiff::Timestamp;
use mongodb::bson::{Bson, Document, doc};
use seatkeeper_core::{
    event::Event,
    ports::{Backend, ms},
};

use super::{MongoStore, conn::Conn, documents::binary, fault::Fault, outbox, schema::UNREADABLE_EVENTS};

struct Unreadable {
    id: Bson,
    error: String,
}

impl MongoStore {
    /// Lists the events of a collection. Moves events that cannot be deserialized to the quarantine collection, and
    /// then lists again.
    pub(super) async fn list_readable<T>(
        &self,
        name: &'static str,
        (filter, order): (Document, Document),
        limit: u32,
        read: impl Fn(Document) -> Result<T, Fault>,
    ) -> Backend<Vec<T>> {
        loop {
            let listed = async { self.conn().list::<Document>(name, filter.clone(), order.clone(), limit).await };
            let (mut events, mut unreadable) = (Vec::new(), Vec::new());
            for found in self.call(listed).await? {
                let id = found.get("_id").cloned().unwrap_or(Bson::Null);
                match read(found) {
                    Ok(event) => events.push(event),
                    Err(fault) => unreadable.push(Unreadable { id, error: fault.to_string() }),
                }
            }
            if unreadable.is_empty() {
                return Ok(events);
            }
            for document in unreadable {
                let place = format!("{name} {}", document.id.as_str().unwrap_or("?"));
                self.transact(&document, |conn, document| put_aside(conn, name, document, &place).boxed()).await?;
                tracing::error!(
                    place,
                    error = document.error,
                    "an event cannot be read and was moved to unreadable_events"
                );
            }
        }
    }
}

impl MongoStore {
    /// Stores a message of another log (Kafka) that could not be deserialized, and reports it by an event. Idempotent:
    /// `origin`, the message's topic, partition and offset, identifies it.
    pub(crate) async fn store_unreadable(&self, origin: &str, message: &[u8], error: &str) -> Backend<()> {
        let fields = doc! { "origin": origin, "document": { "event": binary(message) }, "error": error };
        self.transact((origin, fields), |conn, (origin, fields)| store_once(conn, origin, fields.clone()).boxed()).await
    }
}

async fn store_once(conn: &mut Conn, origin: &str, mut fields: Document) -> Result<(), Fault> {
    let by_origin = doc! { "_id": origin };
    if conn.exists(UNREADABLE_EVENTS, by_origin.clone()).await? {
        return Ok(());
    }
    let at = time_of(conn)?;
    fields.insert("put_aside_at", ms(at));
    conn.upsert(UNREADABLE_EVENTS, by_origin, doc! { "$set": fields }).await?;
    outbox::put_events(conn, &[Event::of_unreadable(origin, at)]).await
}

async fn put_aside(conn: &mut Conn, name: &str, document: &Unreadable, place: &str) -> Result<(), Fault> {
    // Another server may have moved the document to the quarantine collection already.
    let Some(found) = conn.take::<Document>(name, doc! { "_id": document.id.clone() }).await? else { return Ok(()) };
    let at = time_of(conn)?;
    let moved = doc! { "origin": name, "document": found, "error": &document.error, "put_aside_at": ms(at) };
    conn.insert(UNREADABLE_EVENTS, &moved).await?;
    outbox::put_events(conn, &[Event::of_unreadable(place, at)]).await
}

/// The cluster time of the transaction, truncated to seconds.
fn time_of(conn: &Conn) -> Result<Timestamp, Fault> {
    Ok(Timestamp::from_second(conn.cluster_time()?.time.into()).unwrap_or_default())
}
