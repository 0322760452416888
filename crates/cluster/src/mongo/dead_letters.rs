//! Dead letters: events that a consumer failed to handle repeatedly.

use async_trait::async_trait;
use jiff::{Timestamp, fmt::serde::timestamp::millisecond};
use mongodb::bson::Document;
use seatkeeper_core::{
    ids::{DeadLetterId, EventId},
    ports::{Backend, Cursor, DeadLetter, DeadLetters, Page, PageRequest},
};
use serde::{Deserialize, Serialize};

use super::{
    MongoStore,
    documents::{by_id, ms},
    fault::Fault,
    pages,
    schema::DEAD_LETTERS,
};

#[derive(Serialize, Deserialize)]
struct DeadLetterDocument {
    #[serde(rename = "_id")]
    id: DeadLetterId,
    consumer: String,
    event_id: EventId,
    event: String,
    error: String,
    tries: u32,
    #[serde(with = "millisecond::required")]
    at: Timestamp,
}

#[async_trait]
impl DeadLetters for MongoStore {
    async fn put_dead_letter(&self, letter: &DeadLetter) -> Backend<()> {
        let mut conn = self.conn();
        let put = async { conn.insert_new(DEAD_LETTERS, &document_of(letter)?).await };
        self.call(put).await.map(|_| ())
    }

    async fn find_dead_letter(&self, id: DeadLetterId) -> Backend<Option<DeadLetter>> {
        let mut conn = self.conn();
        let find =
            async { conn.find::<DeadLetterDocument>(DEAD_LETTERS, by_id(id)).await?.map(read_letter).transpose() };
        self.call(find).await
    }

    async fn list_dead_letters(&self, page: PageRequest) -> Backend<Page<DeadLetter>> {
        let (filter, order) = (pages::newest_first(Document::new(), "at", page), pages::falling("at"));
        let mut conn = self.conn();
        let list = async move {
            let found: Vec<DeadLetterDocument> = conn.list(DEAD_LETTERS, filter, order, pages::limit(page)).await?;
            found.into_iter().map(read_letter).collect::<Result<Vec<_>, _>>()
        };
        let letters = self.admin_call(list).await?;
        Ok(Page::cut(letters, page.limit, |letter| Cursor { at: ms(letter.at), id: letter.id.as_uuid() }))
    }

    async fn remove_dead_letter(&self, id: DeadLetterId) -> Backend<()> {
        self.call(self.conn().delete(DEAD_LETTERS, by_id(id))).await.map(|_| ())
    }
}

fn document_of(letter: &DeadLetter) -> Result<DeadLetterDocument, Fault> {
    Ok(DeadLetterDocument {
        id: letter.id,
        consumer: letter.consumer.as_ref().to_owned(),
        event_id: letter.event.id,
        event: serde_json::to_string(&letter.event)?,
        error: letter.error.clone(),
        tries: letter.tries,
        at: letter.at,
    })
}

fn read_letter(document: DeadLetterDocument) -> Result<DeadLetter, Fault> {
    Ok(DeadLetter {
        id: document.id,
        consumer: document.consumer.parse().map_err(|_| Fault::Broken("a dead letter has an unknown consumer"))?,
        event: serde_json::from_str(&document.event)?,
        error: document.error,
        tries: document.tries,
        at: document.at,
    })
}
