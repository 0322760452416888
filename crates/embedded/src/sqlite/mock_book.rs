//! The records of the mock payment provider.

use async_trait::async_trait;
use rusqlite::Transaction;
use seatkeeper_core::{
    ids::PaymentId,
    ports::{Backend, MockBook, ProviderAnswer},
};

use super::{
    SqliteStore,
    rows::{Columns, Fault, StoredId, find, json_of, run},
};

#[async_trait]
impl MockBook for SqliteStore {
    async fn find_entry(&self, id: PaymentId) -> Backend<Option<ProviderAnswer>> {
        self.read(move |tx| find_entry(tx, id)).await
    }

    async fn put_entry(
        &self,
        id: PaymentId,
        expected: Option<ProviderAnswer>,
        next: ProviderAnswer,
    ) -> Backend<Option<ProviderAnswer>> {
        self.write(move |tx| {
            let stands = find_entry(tx, id)?;
            if stands != expected {
                return Ok(stands);
            }
            let sql = "INSERT INTO mock_book (payment_id, answer) VALUES (?1, ?2) \
                 ON CONFLICT (payment_id) DO UPDATE SET answer = excluded.answer";
            run(tx, sql, (id.bytes(), json_of(&next)?))?;
            Ok(Some(next))
        })
        .await
    }
}

fn find_entry(tx: &Transaction<'_>, id: PaymentId) -> Result<Option<ProviderAnswer>, Fault> {
    find(tx, "SELECT answer FROM mock_book WHERE payment_id = ?1", [id.bytes()], |row| row.json("answer"))
}
