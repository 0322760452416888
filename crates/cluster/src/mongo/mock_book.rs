//! The mock payment provider's own records of its payments.

use async_trait::async_trait;
use mongodb::bson::{Document, doc, serialize_to_bson};
use seatkeeper_core::{
    ids::PaymentId,
    ports::{Backend, MockBook, ProviderAnswer},
};
use serde::{Deserialize, Serialize};

use super::{MongoStore, conn::Conn, documents::by_id, fault::Fault, schema::MOCK_BOOK};

#[derive(Serialize, Deserialize)]
struct Entry {
    #[serde(rename = "_id")]
    id: PaymentId,
    answer: ProviderAnswer,
}

#[async_trait]
impl MockBook for MongoStore {
    async fn find_entry(&self, id: PaymentId) -> Backend<Option<ProviderAnswer>> {
        self.call(find_entry(&mut self.conn(), id)).await
    }

    async fn put_entry(
        &self,
        id: PaymentId,
        expected: Option<ProviderAnswer>,
        next: ProviderAnswer,
    ) -> Backend<Option<ProviderAnswer>> {
        self.call(put_entry(&mut self.conn(), id, expected, next)).await
    }
}

/// Writes an entry if the stored one equals the expected one (compare-and-set), with a single conditional write.
async fn put_entry(
    conn: &mut Conn,
    id: PaymentId,
    expected: Option<ProviderAnswer>,
    next: ProviderAnswer,
) -> Result<Option<ProviderAnswer>, Fault> {
    let is_written = match expected {
        None => conn.insert_new(MOCK_BOOK, &Entry { id, answer: next }).await?,
        Some(expected) => {
            let stands = doc! { "_id": id.to_string(), "answer": serialize_to_bson(&expected)? };
            let change = doc! { "$set": { "answer": serialize_to_bson(&next)? } };
            conn.change::<Entry>(MOCK_BOOK, stands, Document::new(), change).await?.is_some()
        }
    };
    if is_written { Ok(Some(next)) } else { find_entry(conn, id).await }
}

async fn find_entry(conn: &mut Conn, id: PaymentId) -> Result<Option<ProviderAnswer>, Fault> {
    Ok(conn.find::<Entry>(MOCK_BOOK, by_id(id)).await?.map(|entry| entry.answer))
}
