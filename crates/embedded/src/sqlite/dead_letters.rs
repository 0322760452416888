//! Dead letters: events that a consumer could not handle.

use async_trait::async_trait;
use rusqlite::{Row, params};
use seatkeeper_core::{
    ids::DeadLetterId,
    ports::{Backend, Cursor, DeadLetter, DeadLetters, Page, PageRequest},
};

use super::{
    SqliteStore,
    rows::{Columns, Fault, StoredId, before, find, json_of, limit, list, ms, run},
};

#[async_trait]
impl DeadLetters for SqliteStore {
    async fn put_dead_letter(&self, letter: &DeadLetter) -> Backend<()> {
        let letter = letter.clone();
        let sql = "INSERT INTO dead_letters (id, consumer, event_id, event, error, tries, at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (consumer, event_id) DO NOTHING";
        self.write(move |tx| {
            let DeadLetter { id, consumer, event, error, tries, at } = &letter;
            let (id, event_id) = (id.bytes(), event.id.bytes());
            let values = params![id, consumer.as_ref(), event_id, json_of(event)?, error, tries, ms(*at)];
            run(tx, sql, values).map(|_| ())
        })
        .await
    }

    async fn find_dead_letter(&self, id: DeadLetterId) -> Backend<Option<DeadLetter>> {
        let sql = "SELECT * FROM dead_letters WHERE id = ?1";
        self.read(move |tx| find(tx, sql, [id.bytes()], read_letter)).await
    }

    async fn list_dead_letters(&self, page: PageRequest) -> Backend<Page<DeadLetter>> {
        let sql = "SELECT * FROM dead_letters WHERE (at, id) < (?1, ?2) ORDER BY at DESC, id DESC LIMIT ?3";
        self.admin_read(move |tx| {
            let (at, id) = before(page);
            let items = list(tx, sql, (at, id, limit(page)), read_letter)?;
            Ok(Page::cut(items, page.limit, |letter| Cursor { at: ms(letter.at), id: letter.id.uuid() }))
        })
        .await
    }

    async fn remove_dead_letter(&self, id: DeadLetterId) -> Backend<()> {
        self.write(move |tx| run(tx, "DELETE FROM dead_letters WHERE id = ?1", [id.bytes()]).map(|_| ())).await
    }
}

fn read_letter(row: &Row<'_>) -> Result<DeadLetter, Fault> {
    Ok(DeadLetter {
        id: row.id("id")?,
        consumer: row.word("consumer")?,
        event: row.json("event")?,
        error: row.get("error")?,
        tries: row.number("tries")?,
        at: row.time("at")?,
    })
}
